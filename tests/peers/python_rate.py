#!/usr/bin/env python3
"""How many operations a second of CPU time python-omemo does, as JSON; the names are those of our own program.

    python_rate.py [SECONDS OF EACH MEASUREMENT]

Sessions stay in memory: to load and store them before and after each operation, as the other programs do, would take
this library several times as long, and is not what it is held against.
"""

import asyncio
import json
import sys
import time

from memo_device import PARTNER, Device


class Side(Device):
    """A device that is measured, with what its partner needs to write to it."""

    async def begin(self, bundle, key):
        return await self.backend.build_session_active(*PARTNER, self.bundle(bundle), key)

    async def accept(self, session, message):
        data = message.serialize()
        wrapped = session.key_exchange.serialize(data)
        wrapped = wrapped[0] if self.old else wrapped
        parse = self.crate.KeyExchangeImpl.parse
        exchange, data = parse(wrapped, self.sign) if self.old else parse(wrapped)
        parsed = self.crate.EncryptedKeyMaterialImpl.parse(data, *PARTNER)
        return await self.backend.build_session_passive(*PARTNER, exchange, parsed)


async def rate(wanted, operation):
    spent, done = 0.0, 0
    while spent < wanted:
        before = time.process_time()
        for _ in range(20):
            await operation()
        spent += time.process_time() - before
        done += 20
    return round(done / spent)


async def measure(version, wanted):
    juliet, romeo = Side(), Side()
    ours = await juliet.start(version, 0)
    theirs = await romeo.start(version, 0)
    sign = lambda bundle: int(bundle["signature"][126:], 16) >> 7
    juliet.sign, romeo.sign = sign(theirs), sign(ours)
    key = juliet.material(bytes(32 if juliet.old else 48))
    session, hello = await juliet.begin(theirs, key)
    accepted, _ = await romeo.accept(session, hello)
    session.confirm()

    sent = []

    async def encrypt():
        sent.append(await juliet.backend.encrypt_key_material(session, key))

    rates = {"encrypt": await rate(wanted, encrypt)}
    waiting = iter(sent)

    async def decrypt():
        await romeo.backend.decrypt_key_material(accepted, next(waiting))

    spent, done = time.process_time(), 0
    while time.process_time() - spent < wanted and done < len(sent):
        await decrypt()
        done += 1
    rates["decrypt"] = round(done / (time.process_time() - spent))

    async def active():
        await juliet.begin(theirs, key)

    async def passive():
        await romeo.accept(session, hello)

    rates["x3dh_active"] = await rate(wanted, active)
    rates["x3dh_passive"] = await rate(wanted, passive)
    return rates


async def main():
    wanted = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    print(json.dumps({version: await measure(version, wanted) for version in ["0.3", "2"]}))


asyncio.run(main())
