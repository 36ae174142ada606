"""The embedded log: Kafka's twin in one SQLite file, with nothing else to install.

**Tables** (`schema.py` has them in full; `SELECT * FROM log` shows the records to a person):

- `topics`: name and limits. `partitions`: the next offset, the newest timestamp and the bytes kept of each.
- `records`: `id` is the partition's id times 2^40 plus the offset, so that one B-tree holds every partition in
  order and a record needs no second index. `newest` is the greatest timestamp of the partition up to that
  record; it never falls, so a time is found by halving.
- `offsets`: what each group has committed. `leases`: who reads a topic for a group. `latest`: for compacted
  topics, the last record of each key that compaction has passed.

**What always holds**

- Offsets of a partition count from 0 without a hole at the end and are never used twice: `partitions.next_offset`
  changes in the transaction that stores the records, and outlives them when retention takes them.
- A position is given out after the commit was fsynced (WAL, `synchronous=FULL`), never before.
- All records of one append are in one transaction, so all are there or none is.
- A commit of offsets checks the member's lease in its own transaction. So a member that was taken over from
  can do no harm, however long it slept.

**Threads.** One thread writes, one reads, each with a connection of its own; the event loop never touches SQLite.
The writer takes all that waits in its queue as one transaction (group commit), so one fsync serves many appends.
Its queue is bounded in jobs and bytes; when it is full an append fails at once.

**Processes.** One process ingests: it holds an OS lock on `<file>.ingest.lock`, which the kernel lets go of however
the process ends. Any number of others read, commit and append (consumers append commands and results); SQLite's own
lock puts writers in a row, with short transactions and a bounded wait. A poll is woken by an append in its own
process at once, by one in another process within about 50 ms (`PRAGMA data_version`).

**State.** It is how the last transaction ended. Where none has ended for 2 s, the ingesting process stores a record
of its own and removes it, in one transaction that is fsynced (`proving.py`): so an idle log is healthy by proof, and
is healthy again within seconds after a lock was let go or a disk has room.

**Groups.** A member holds a lease for each of its topics, all or none. So a group has one active member for each
topic; others stand by. Two members of one group with different topics are both active; where their topics overlap
in part, the later one stands by as a whole. The holder raises its lease's `beat` three times in a session timeout;
one that stands by takes over when it has seen the same beat for the holder's session timeout, which the lease names,
on its own monotonic clock. No two clocks are compared, so setting a clock does no harm. A holder that could not beat
for as long considers its lease lost, tells `on_revoked`, and starts again from the committed offset.

**Limits.** Age (`retention_ms`) and size (`retention_bytes`, `[broker.embedded] max_bytes`) take the oldest records,
in passes of a few hundred records each, so that appends get their turn in between. `max_bytes` does not apply to a
compacted topic: what it holds is the present, not the past. Compaction keeps the last record of each key, and
a tombstone for a day. The ingesting process does this work. Deleted pages are used again; the file does not shrink.

The file, and the folder where it is made with it, are readable by their owner alone (0600, 0700).

**SIGKILL** loses what was not committed, which nobody was told of. The next process to open the file finds the WAL and
goes on. Leases of the dead run out after the session timeout. **A power cut** is the same as long as the disk keeps
what it has confirmed. **A failed fsync** fails the transaction; the next one writes the same places of the WAL again.
**A bit that flips in the WAL** ends it there at the next start: that is why ingest keeps a spool of its own
beside it. **A damaged main file** is refused at the start, or makes the log unavailable.
"""

from broker.embedded.log import EmbeddedLog

__all__ = ["EmbeddedLog"]
