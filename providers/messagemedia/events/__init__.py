"""What a body says: its shapes, its members and their names, unrendered variables, ids."""
