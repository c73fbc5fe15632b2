"""The validators of jsonschema-rs, which tell in microseconds whether data satisfy a schema."""

import decimal  # noqa: F401 (jsonschema_rs imports it too, and panics if ^C comes meanwhile)

from jsonschema_rs import Draft202012Validator as Draft202012Validator
