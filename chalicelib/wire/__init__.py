"""The contract agent ↔ functions ↔ browser: structs, codec, generated schema. Imports nothing of ours."""
