"""The test host: a real KVM on a machine that has none.

Builds, from Debian packages alone, a small Linux that Debian's own emulator starts with an emulated SVM,
and runs scripts in it.  See tests/testhost/testhost for the command.

SPDX-License-Identifier: GPL-2.0-or-later
"""
