#!/bin/sh
# Start `handrail` with the arguments given. A setting named HANDRAIL_<NAME>_FILE is replaced by
# HANDRAIL_<NAME> with the content of that file, so that secrets can come as files.
set -eu
for variable in $(env | sed -n 's/^\(HANDRAIL_[A-Z0-9_]*_FILE\)=.*/\1/p'); do
    eval "file=\$$variable"
    value=$(cat "$file")
    export "${variable%_FILE}=$value"
    unset "$variable"
done
exec handrail "$@"
