"""Erasing people: who they are in the feeds, what landed files hold of them, and every trace made from that."""
