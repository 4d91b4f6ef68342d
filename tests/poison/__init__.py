"""Attacks by a client that can write to Redis: whatever a key holds, programs continue."""
