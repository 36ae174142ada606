"""The spool: verified webhooks on this host's disk while the log is away. This is its design paper.

What it promises
================

`Spool.add` returns when the webhook is durable: it survives SIGKILL and power loss from then on, until `done` says
that it is published. Nothing that was acknowledged goes silently: it is drained, or still there, or reported by its
id or place as damaged, with its bytes kept. Repeats are allowed (ids repeat), losses are not.

On disk
=======

::

    <root>/w-<16 hex digits>/lock                    held by flock while the worker lives
    <root>/w-<16 hex digits>/<16 digits>.seg         segments, numbered from 1 in the order of writing
    <root>/w-<16 hex digits>/probe                   64 KiB, written, synced and removed while nothing else is
    <root>/damaged/<worker>-<segment>-<offset>.bin   bytes that were set aside
    <root>/damaged/<worker>-<segment>-<offset>.gaps  which of them could not be read: zeros stand for them
    <root>/damaged/<worker>-<segment>.seg            a whole segment, of which the disk cannot read all

The name of a folder sorts behind those that were there when it was made: its first 8 digits count up, the others are
random. Folders of dead workers are drained in that order, so what an earlier process received comes first.

Folders that were there, and abandoned, at our start gate: what comes to us later waits behind them. One that gives an
error then is looked at again every five seconds, and gates from the moment when it is ours. From the second error on,
one look after the other, it counts (`not_taken`) and is told. From the third look on it is taken without segments that
the disk cannot even tell the size of: they stay where they are and are told by their place. What has the name of a
segment and is no file itself (a folder, a link, a pipe) is never opened: it stays, is told, and counts in `not_taken`
as long as the folder is ours. The folder of a worker that lives beside us is locked; when it dies later its records do
not gate, since their order was never promised against ours.

A segment is frames, one behind the other, and nothing else. All numbers are big-endian::

    offset  bytes
    0       4       magic D7 48 4B 01
    4       4       length of the payload
    8       16      webhook id (32 hexadecimal digits as bytes)
    24      4       CRC32C (Castagnoli) of the payload
    28      4       CRC32C of: `<folder>/<16-digit segment number>`, then the frame's offset in the segment as
                    u64, then bytes 0 to 27 of the header. The CRC of the name runs on into the rest
    32      length  payload

So a frame is right in its own place only. A body that holds a copy of a frame, or a block of another file, is never
taken for one, since no sender knows the folder's name. Copy a folder with its name, or nothing in it can be read.

The payload is the raw record of the contract (`schemas.webhook`)::

    1  version, 1
    8  time of receipt, signed, ms since 1970
    4  number of headers; then each as u32 length, name, u32 length, value (names: UTF-8 with surrogate escapes)
       the rest is the body

Reading a segment
=================

Begin at 0. A header is right if magic and header CRC are. If it is, the length is to be trusted: check the payload,
and go on behind it whether it is right or damaged (then the id is known). If it is not, look for the next magic whose
header CRC is right in its place; all up to there is one stretch of damage, known by its place. So a wrong byte
anywhere (magic, length, id, checksums, payload) costs its own record only. Where the file ends inside a frame, that
frame is torn: in the last segment of a folder it was never acknowledged and is no damage; elsewhere it is told as
damage (`tail`). Bytes at the end of the last segment that fail otherwise (zeros where blocks never came) cannot be
told from an acknowledged record that went bad: they are reported as damage, perhaps in vain.

A segment of no bytes that is not the last of its folder is told as damage too, of 0 bytes at 0: another one is begun
only behind one that has records, or whose first write failed and whose name could not be removed. A segment that was
cut just between two frames cannot be told from a whole one.

Where the disk gives an error for a stretch (EIO and its like) it is read in blocks of 4 KiB. A block that fails is
tried again at the next reads; what stands before it comes meanwhile. When it has failed three times, the last of them
five seconds behind the first, zeros stand for it, and the checksums find which records it damaged. They are reported as
all damage is, with the block; those behind it come. One read tries 256 blocks at most, and no more after a second.

Invariants
==========

1. One thread appends, to one segment at a time: all frames that wait in one write, one fdatasync, then the answers.
2. A segment is created with O_EXCL, and its folder synced, before anything in it is acknowledged. The folder's own
   name, and those of the root, were synced at start.
3. A segment whose write or fsync failed is never appended to again. What is not durable of it is cut off if the disk
   allows. The group is written once more, into a new segment, and if that fails too nobody in it is acknowledged.
4. Of its own segments a worker reads what is durable, of inherited ones what the file has.
5. Only whole segments are removed, when all in them is published, and after what was damaged in them is durable in
   `damaged/`. If it cannot be read whole, the segment is moved there too. If it cannot be copied, the segment stays
   where it is, the drain goes on behind it, and it is tried again, half a minute apart at most; where the disk was
   full, at once when another segment has gone.
6. On a full disk such a segment makes the room for the copies itself: all else in it is published. The stretches are
   copied from the last to the first. Where one does not fit, the segment is cut behind it, and it is tried again. If
   it still does not fit, the segment becomes the copy, where the damaged bytes are no more than those before them:
   they are written over its beginning, it is moved to `damaged/` under the name of the copy, and cut. Else it stays
   (5.). No damaged byte is cut off or written over before it is durable elsewhere, and no copy is replaced by a
   shorter one.
7. Nobody touches a folder whose lock another holds. Whoever takes the lock of an abandoned folder owns it.
8. There is no cursor on disk: after a crash a segment that was drained in part is drained again.

Crash points
============

=============================================  ====================================================================
the process or the power goes                  what the next process finds
=============================================  ====================================================================
before the folder is locked                    an empty folder, which it removes
after create, before the folder's fsync        no segment, or an empty or torn one: nothing of it was acknowledged
during write, or before fdatasync              any part of the group: whole frames are drained (harmless: the sender
                                               repeats them under the same id), a torn one is dropped
after fdatasync, before the answers            all of the group: drained, and the sender repeats it
after a failed write, before the truncation    as during write; the torn end, or an empty segment, may be told as
or the removal of its segment                  damage, as the segment is not the last
after publishing, before the segment goes      the segment: drained again under the same ids
while damage is copied                         the segment is still there; the copy is made anew
after the copy, before the unlink or move      the same
after a cut on a full disk                     the segment, shorter: what is cut off was published, or is copied
after its beginning was written over           the segment: its beginning is told as damage, in vain; the rest as before
before the copy that it became is cut          the copy with more behind it
after the unlink, before it is durable         the segment again: drained again
between the last unlink and the folder's end   an empty folder, which it removes
=============================================  ====================================================================

A disk that hangs holds threads of ours (daemons, so that the process can end), never the event loop: each wait has its
deadline. A record that was written after its waiter gave up is counted again and drained.

`synced_ago` is the proof that the disk takes and keeps bytes. Each group that was written renews it. After two seconds
in which none was tried, a probe does: a file of 64 KiB and its name, synced and removed. Where writes are tried and
fail nothing renews it.
"""

from ingest.spool.spool import Spool

__all__ = ["Spool"]
