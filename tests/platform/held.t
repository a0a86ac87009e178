#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the kernel does, see held.c; the program speaks TAP itself.
exec timeout -s KILL 120 "${WARDER_PROBES:?run by make check}/platform/held"
