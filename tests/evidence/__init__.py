"""Evidence files, honest and hostile, made from a small partnership without any server."""
