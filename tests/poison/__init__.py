"""Attacks of somebody who can write to Redis: whatever a key holds, programs continue."""
