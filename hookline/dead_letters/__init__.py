"""Dead letters as `hookline dlq` shows them and deals with them."""
