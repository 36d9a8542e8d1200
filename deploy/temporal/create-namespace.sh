#!/bin/sh
# Makes the namespace and the search attributes of this system, where they are missing. Safe to repeat.
# TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and SEARCH_ATTRIBUTES (names, separated by spaces) say where and which.
set -eu

until temporal operator cluster health; do sleep 2; done

if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  # Closed workflows answer questions about past jobs for a week.
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 7d
fi

# A new namespace is known to every part of the engine only after its caches were renewed, which takes up to ten seconds.
attempts=30
until present="$(temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" 2>&1)"; do
  attempts=$((attempts - 1))
  [ "$attempts" -gt 0 ] || { echo "$present" >&2; exit 1; }
  sleep 1
done
for name in $SEARCH_ATTRIBUTES; do
  echo "$present" | grep -qw "$name" && continue
  temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword
done
