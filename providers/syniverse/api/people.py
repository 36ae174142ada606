"""Contacts, their groups and their consent. Source: specification, sections 3.4 and 12."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from providers.syniverse.api.records import Given, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Record):
    """A person. `extended_attributes` is JSON in a text."""

    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    birth_date: str | None = None
    first_acquisition_date: str | None = None
    last_acquisition_date: str | None = None
    primary_mdn: str | None = None
    primary_email_addr: str | None = None
    primary_addr_line1: str | None = None
    primary_addr_line2: str | None = None
    primary_addr_city: str | None = None
    primary_addr_zip: str | None = None
    primary_addr_state: str | None = None
    primary_addr_country: str | None = None
    primary_social_handle: str | None = None
    extended_attributes: str | None = None
    preferred_language: str | None = None
    voice_preference: str | None = None
    social_handles: str | None = None
    timezone: str | None = None
    gender: str | None = None
    address_list: tuple[Any, ...] = ()
    account_list: tuple[Any, ...] = ()
    device_list: tuple[Any, ...] = ()
    interest_list: tuple[Any, ...] = ()
    demographic_list: tuple[Any, ...] = ()
    fast_access_1: str | None = None
    fast_access_2: str | None = None
    fast_access_3: str | None = None
    fast_access_4: str | None = None
    fast_access_5: str | None = None
    fast_access_6: str | None = None
    fast_access_7: str | None = None
    fast_access_8: str | None = None
    fast_access_9: str | None = None
    fast_access_10: str | None = None
    fast_access_11: str | None = None
    fast_access_12: str | None = None
    fast_access_13: str | None = None
    fast_access_14: str | None = None
    fast_access_15: str | None = None
    fast_access_16: str | None = None
    fast_access_17: str | None = None
    fast_access_18: str | None = None
    fast_access_19: str | None = None
    fast_access_20: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactGroup(Record):
    """People under one name: listed one by one (STATIC), or by `criteria` (DYNAMIC)."""

    external_id: str | None = None
    name: str | None = None
    description: str | None = None
    criteria: str | None = None
    type = Given(str)
    state = Given(str)
    member_count = Given(int)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentStatus(Record):
    """Whether a sender may text an address: NONE, OPTIN, OPTOUT, BLACKLIST or WHITELIST."""

    address_type: str | None = None
    address: str | None = None
    sender_id: str | None = None
    consent_status: str | None = None
    from_address = Given(str)
    opt_in_type = Given(str)
    opt_out_type = Given(str)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEntry(Record):
    """One line of the history of consent. `source` is MESSAGE, CARRIER or COMPANY."""

    msisdn = Given(str)
    sender_id = Given(str)
    source = Given(str)
    status = Given(str)
    timestamp = Given(datetime)
    message = Given(str)
    keyword = Given(str)
