#!/bin/sh
# Healthy while the service holds an established connection (state 01) to a NATS server on its usual
# port 4222 (107E); a container's own network shows no other process's.
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ':107E 01 '
