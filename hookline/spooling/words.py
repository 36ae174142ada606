"""A spool in words, and as JSON for programs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from hookline.many import many
from hookline.spooling.survey import Folder, SetAside, Stray, Survey, Torn
from ingest.spool.contract import Damaged, Place
from ingest.spool.segments import segment_name
from schemas.times import format_time

_KIB = 1024
_MOST_IDS = 3
_UNITS = ("KiB", "MiB", "GiB", "TiB")
_TORN = "mostly a write that was cut before its answer; acknowledged bytes that a disk lost look the same"


def survey_lines(survey: Survey, now: datetime) -> Sequence[str]:
    """Return a spool for a person to read."""
    figures = (many(len(survey.folders), "folder"), many(survey.records, "webhook"), size_text(survey.bytes))
    return [
        f"{survey.root}: {', '.join(figures)}",
        *(line for folder in survey.folders for line in _folder_lines(folder, now)),
        *([_aside_line(survey)] if survey.set_aside else []),
        *(f"  {line}" for line in stray_lines(survey.strays)),
    ]


def survey_fields(survey: Survey) -> Mapping[str, Any]:
    """Return a spool as JSON has it. Times are RFC 3339."""
    return {
        "dir": survey.root,
        "records": survey.records,
        "bytes": survey.bytes,
        "folders": [_folder_fields(folder) for folder in survey.folders],
        "set_aside": [_aside_fields(one) for one in survey.set_aside],
        "strays": [{"name": one.name, "kind": one.kind} for one in survey.strays],
    }


def verified_fields(survey: Survey) -> Mapping[str, Any]:
    """Return what was found wrong as JSON has it; `sound`: nothing was.

    `file` of what is damaged is where it was set aside, null where it still stands in its segment.
    """
    return {
        "dir": survey.root,
        "sound": not survey.damage,
        "records": survey.records,
        "folders": len(survey.folders),
        "damaged": [
            *(_damaged_fields(one, None) for folder in survey.folders for one in folder.damaged),
            *(_damaged_fields(one, file.name) for file in survey.set_aside for one in file.broken),
        ],
        "torn_tails": [_torn_fields(one) for folder in survey.folders for one in folder.torn],
        "set_aside": survey_fields(survey)["set_aside"],
        "strays": survey_fields(survey)["strays"],
    }


def damage_lines(survey: Survey) -> Sequence[str]:
    """Return all that is damaged and all tails that were cut off, a line each."""
    return [
        *(f"DAMAGED {damage_text(one)}" for folder in survey.folders for one in folder.damaged),
        *(line for one in survey.set_aside for line in _aside_lines(one)),
        *(_torn_text(one) for folder in survey.folders for one in folder.torn),
    ]


def verified_line(survey: Survey) -> str:
    """Return how much was read."""
    return f"read {many(survey.records, 'webhook')} in {many(len(survey.folders), 'folder')} of {survey.root}"


def stray_lines(strays: Sequence[Stray]) -> Sequence[str]:
    """Return what has no place in a spool, a line each."""
    return [f"not of the spool, passed over: {one.name} ({one.kind})" for one in strays]


def damage_text(damaged: Damaged) -> str:
    """Return the id or the place of what is damaged, and why."""
    where = f"{place_text(damaged.place)}, {damaged.length:,} bytes"
    return f"{where}, {_webhook_text(damaged.webhook_id)}: {damaged.reason}"


def place_text(place: Place) -> str:
    """Return where something stands, as `w-1f/0000000000000001.seg:120`."""
    return f"{place.worker}/{segment_name(place.segment)}:{place.offset}"


def size_text(size: int) -> str:
    """Return a number of bytes in a unit that suits it."""
    if size < _KIB:
        return f"{size} bytes"
    step = min((size.bit_length() - 1) // 10, len(_UNITS))
    return f"{size / _KIB**step:.1f} {_UNITS[step - 1]}"


def _folder_lines(folder: Folder, now: datetime) -> Iterator[str]:
    state = "held by a live process" if folder.held else "ORPHANED" if folder.records else "orphaned"
    figures = [many(folder.segments, "segment"), many(folder.records, "webhook"), size_text(folder.bytes)]
    if folder.oldest is not None:
        age = max(0.0, (now - folder.oldest).total_seconds())
        figures.append(f"oldest {format_time(folder.oldest)} ({_age(age)} ago)")
    yield f"  {folder.worker}  {state}: {', '.join(figures)}"
    for share in folder.shares:
        yield f"    {share.account} ({share.provider}): {share.records:,}"
    if folder.damaged:
        yield f"    DAMAGED: {many(len(folder.damaged), 'place')}; `hookline spool verify` names them"
    if folder.torn:
        yield f"    {many(len(folder.torn), 'torn tail')}, not counted as damage; `hookline spool verify` names them"


def _aside_line(survey: Survey) -> str:
    size = sum(one.bytes for one in survey.set_aside)
    whole = sum(len(one.whole) for one in survey.set_aside)
    more = f", {many(whole, 'whole webhook')} in them: `hookline spool drain --damaged`" if whole else ""
    return f"  set aside: {many(len(survey.set_aside), 'file')}, {size_text(size)}{more}"


def _aside_lines(one: SetAside) -> Iterator[str]:
    """Yield a line for each broken place of a file, and one for all that can be read in it."""
    file = f"set aside earlier: {one.name}"
    for broken in one.broken:
        yield f"DAMAGED {file}, {damage_text(broken)}"
    if one.whole:
        word = "IN PART" if one.broken else "WHOLE"
        readable = f"{many(len(one.whole), 'webhook')} can be read ({_ids(one.whole)})"
        yield f"{word} {file}, {size_text(one.bytes)}, {readable}"
    if not one.broken and not one.whole:
        yield f"DAMAGED {file}, {size_text(one.bytes)}, a file that no spool has named"


def _torn_text(torn: Torn) -> str:
    where = f"{place_text(torn.place)}, {torn.length:,} bytes, {_webhook_text(torn.webhook_id)}"
    return f"torn tail, not counted as damage: {where}: {_TORN}"


def _webhook_text(webhook_id: str | None) -> str:
    return "webhook unknown" if webhook_id is None else f"webhook {webhook_id}"


def _ids(ids: Sequence[str]) -> str:
    return ", ".join((*ids[:_MOST_IDS], *(["..."] if len(ids) > _MOST_IDS else [])))


def _aside_fields(one: SetAside) -> Mapping[str, Any]:
    return {"file": one.name, "bytes": one.bytes, "whole_webhooks": list(one.whole), "damaged": len(one.broken)}


def _torn_fields(torn: Torn) -> Mapping[str, Any]:
    return {"place": place_text(torn.place), "bytes": torn.length, "webhook_id": torn.webhook_id}


def _damaged_fields(damaged: Damaged, file: str | None) -> Mapping[str, Any]:
    return {
        "file": file,
        "place": place_text(damaged.place),
        "bytes": damaged.length,
        "webhook_id": damaged.webhook_id,
        "reason": damaged.reason,
    }


def _folder_fields(folder: Folder) -> Mapping[str, Any]:
    return {
        "worker": folder.worker,
        "held": folder.held,
        "segments": folder.segments,
        "records": folder.records,
        "bytes": folder.bytes,
        "oldest": None if folder.oldest is None else format_time(folder.oldest),
        "accounts": [
            {"account": share.account, "provider": share.provider, "records": share.records} for share in folder.shares
        ],
        "damaged": len(folder.damaged),
        "torn_tails": len(folder.torn),
    }


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
