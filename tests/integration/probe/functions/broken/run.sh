#!/bin/sh
# Ends before it serves anything.
exit 3
