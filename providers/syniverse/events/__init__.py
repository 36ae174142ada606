"""What an event or a polled object says: its shapes, its values, ids."""
