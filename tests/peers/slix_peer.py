"""A client that is not ours: slixmpp with python-omemo, driven line by line.

Standard input takes one JSON object a line, standard output gives one back for everything that happens. A command may
carry an "id"; its last event then carries the same one, and {"event": "failed", "error": ...} stands for a refusal.

  {"do": "send", "to": JID, "body": TEXT, "version": "0.3" | "2"}   one encrypted message
  {"do": "envelope", "to": JID, "content": XML}                     one envelope of version 2 with these elements
  {"do": "plain", "to": JID, "body": TEXT}                          one message in clear
  {"do": "befriend", "jid": JID}                                    subscribe, and let the other subscribe
  {"do": "devices", "jid": JID}                                     the devices and identity keys it knows
  {"do": "history", "page": N}                                      read the whole archive and decrypt it
  {"do": "join", "room": JID}                                       go into a room
  {"do": "leave", "room": JID}                                      go out of it
  {"do": "say", "room": JID, "body": TEXT, "version": "0.3" | "2"}  one encrypted message to all members of a room,
                                                                    with "2" also in the old version for those who have no other
  {"do": "room_history", "room": JID}                               read the whole archive of a room and decrypt it
  {"do": "raw", "xml": XML}                                         send a stanza as it is
  {"do": "quit"}

OMEMO 0.3 goes through slixmpp-omemo; version 2 goes to the session manager directly, because slixmpp-omemo has no stanza
content encryption (XEP-0420) of its own. Ratchets lie in a SQLite file, so a new process goes on where an old one ended.
"""

import argparse
import asyncio
import json
import os
import secrets
import sqlite3
import ssl
import sys
import time
import warnings
import xml.etree.ElementTree as ET

# slixmpp's own deprecations would drown what matters on standard error.
warnings.simplefilter("ignore", DeprecationWarning)

import oldmemo
import oldmemo.etree
import twomemo
import twomemo.etree
from omemo import SessionManager
from omemo.storage import Just, Nothing, Storage
from slixmpp.clientxmpp import ClientXMPP
from slixmpp.jid import JID
from slixmpp.plugins import register_plugin
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp_omemo import XEP_0384, TrustLevel

NAMESPACES = {"0.3": oldmemo.oldmemo.NAMESPACE, "2": twomemo.twomemo.NAMESPACE}
VERSIONS = {namespace: version for version, namespace in NAMESPACES.items()}
SCE = "urn:xmpp:sce:1"
CLIENT = "jabber:client"
MUC = "http://jabber.org/protocol/muc"
PLUGINS = ["xep_0030", "xep_0045", "xep_0060", "xep_0115", "xep_0163", "xep_0198", "xep_0199", "xep_0280", "xep_0313", "xep_0334",
           "xep_0359", "xep_0380"]


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Ratchets(Storage):
    """python-omemo's storage in one SQLite table; each change is on the disk before the call returns."""

    def __init__(self, path):
        super().__init__(True)
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute("CREATE TABLE IF NOT EXISTS item (name TEXT PRIMARY KEY, value TEXT NOT NULL)")

    async def _load(self, key):
        row = self.db.execute("SELECT value FROM item WHERE name = ?", (key,)).fetchone()
        return Just(json.loads(row[0])) if row else Nothing()

    async def _store(self, key, value):
        self.db.execute("INSERT OR REPLACE INTO item VALUES (?, ?)", (key, json.dumps(value)))

    async def _delete(self, key):
        self.db.execute("DELETE FROM item WHERE name = ?", (key,))


class Omemo(XEP_0384):
    """The plugin with blind trust: what is tested here is the wire, not the person."""

    default_config = {"fallback_message": "I sent you an OMEMO encrypted message.", "ratchets": None}

    @property
    def storage(self):
        return self.ratchets

    @property
    def _btbv_enabled(self):
        return True

    async def _devices_blindly_trusted(self, blindly_trusted, identifier):
        for device in blindly_trusted:
            say("trusted", jid=device.bare_jid, device=device.device_id)

    async def _prompt_manual_trust(self, manually_trusted, identifier):
        manager = await self.get_session_manager()
        for device in manually_trusted:
            await manager.set_trust(device.bare_jid, device.identity_key, TrustLevel.TRUSTED.value)


register_plugin(Omemo)


class Peer(ClientXMPP):
    def __init__(self, options):
        super().__init__(options.jid, options.password)
        self.options = options
        self.ssl_context = ssl.create_default_context(cafile=options.ca)
        self.ca_certs = options.ca
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.register_plugin("xep_0384", {"ratchets": Ratchets(options.db)}, module=sys.modules[__name__])
        self.omemo = self["xep_0384"]
        self.looked = set()
        self.rooms = {}
        self.read_ids = set()
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("omemo_initialized", self.on_ready)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("groupchat_presence", self.on_occupant)
        self.add_event_handler("carbon_received", self.on_carbon("carbon_received"))
        self.add_event_handler("carbon_sent", self.on_carbon("carbon_sent"))
        self.add_event_handler("failed_auth", lambda _: say("refused"))
        self.add_event_handler("disconnected", lambda reason: say("disconnected", reason=str(reason)))
        # "message" fires only for what has a body; an empty OMEMO message completes a session and must be read too.
        for namespace in VERSIONS:
            path = MatchXPath("{%s}message/{%s}encrypted" % (CLIENT, namespace))
            self.register_handler(CoroutineCallback("omemo " + namespace, path, self.on_encrypted))

    async def on_start(self, _):
        await self.get_roster()
        await self["xep_0280"].enable()
        self.send_presence()
        say("online", jid=str(self.boundjid))

    async def on_ready(self, _):
        await self.tell_devices(None)
        say("ready")

    async def on_message(self, message):
        if message["type"] in ("chat", "normal"):
            await self.read(message, "live")
        elif message["type"] == "groupchat":
            await self.read_in_room(message, "live")

    async def on_encrypted(self, message):
        if message.xml.find("{%s}body" % CLIENT) is None:
            reader = self.read_in_room if message["type"] == "groupchat" else self.read
            await reader(message, "live")

    def on_occupant(self, presence):
        """Who comes in may come with a device that was not there before."""
        nick, room = presence["muc"]["nick"], presence["from"].bare
        jid = presence["muc"]["jid"].bare
        if room in self.rooms and jid:
            self.rooms[room][nick] = jid
            self.looked.discard(jid)

    def author(self, message, way):
        room, nick = message["from"].bare, message["from"].resource
        if way == "live":
            return self.rooms.get(room, {}).get(nick)
        item = message.xml.find("{%s#user}x/{%s#user}item" % (MUC, MUC))
        return None if item is None else JID(item.get("jid")).bare

    async def read_in_room(self, message, way):
        room, author = message["from"].bare, self.author(message, way)
        key = (author, message["id"])
        if author == self.boundjid.bare or key in self.read_ids:
            return
        self.read_ids.add(key)
        common = {"room": room, "from": author, "way": way, "stanza": message["id"]}
        if not self.omemo.is_encrypted(message):
            if message["body"]:
                say("plain", body=message["body"], **common)
            return
        if all(message.xml.find("{%s}encrypted" % NAMESPACES[version]) is None for version in self.options.versions):
            # What version 0.3 cannot seal is sealed in version 2 alone: whoever does not speak that sees nothing of it.
            return
        try:
            body, _, device, namespace = await self.decrypt(message, author, room)
        except Exception as error:
            say("unreadable", error="%s: %s" % (type(error).__name__, str(error)[:300]), **common)
            return
        say("empty" if body is None else "message", body=body, device=device.device_id, version=VERSIONS[namespace], **common)

    def on_carbon(self, name):
        async def handler(message):
            await self.read(message[name], name)
        return handler

    async def read(self, message, way):
        sender = str(message["from"])
        common = {"from": sender, "to": str(message["to"]), "way": way, "stanza": message["id"]}
        if not self.omemo.is_encrypted(message):
            if message["body"]:
                say("plain", body=message["body"], **common)
            return
        try:
            body, content, device, namespace = await self.decrypt(message)
        except Exception as error:
            say("unreadable", error="%s: %s" % (type(error).__name__, str(error)[:300]), **common)
            return
        kind = "empty" if body is None else "message"
        if content and body is None:
            kind = "envelope"
        say(kind, body=body, content=content, device=device.device_id, version=VERSIONS[namespace], **common)

    async def decrypt(self, message, sender=None, room=None):
        old, new = NAMESPACES["0.3"], NAMESPACES["2"]
        sender = sender or message["from"].bare
        manager = await self.omemo.get_session_manager()
        element = message.xml.find("{%s}encrypted" % new)
        if element is None or "2" not in self.options.versions:
            element = message.xml.find("{%s}encrypted" % old)
            sealed = await oldmemo.etree.parse_message(element, sender, self.boundjid.bare, manager)
            plaintext, device, _ = await manager.decrypt(sealed)
            return (plaintext.decode() if plaintext else None), [], device, old
        plaintext, device, _ = await manager.decrypt(twomemo.etree.parse_message(element, sender))
        body, content = (None, []) if plaintext is None else self.open_envelope(plaintext, sender, room)
        return body, content, device, new

    def open_envelope(self, plaintext, sender, room=None):
        envelope = ET.fromstring(plaintext)
        if envelope.tag != "{%s}envelope" % SCE:
            raise ValueError("not an envelope: %s" % envelope.tag)
        author = envelope.find("{%s}from" % SCE)
        if author is None or JID(author.get("jid")).bare != sender:
            raise ValueError("the envelope names another author")
        to = envelope.find("{%s}to" % SCE)
        if room is not None and (to is None or JID(to.get("jid")).bare != room):
            raise ValueError("the envelope names another room")
        if envelope.find("{%s}rpad" % SCE) is None:
            raise ValueError("the envelope has no padding")
        content = envelope.find("{%s}content" % SCE)
        body = content.find("{%s}body" % CLIENT)
        return None if body is None else body.text, [ET.tostring(child, encoding="unicode") for child in content]

    # Commands

    async def look_once(self, jid):
        """The library trusts that friends' device lists came by themselves, also in the moment before they do."""
        if jid.bare not in self.looked:
            await self.omemo.refresh_device_lists({jid}, force_download=True)
            self.looked.add(jid.bare)

    async def do_send(self, to, body, version="0.3"):
        await self.look_once(JID(to))
        message = self.make_message(mto=to, mtype="chat")
        message["id"] = self.new_id()
        stanza = await (self.seal_03 if version == "0.3" else self.seal_2)(message, JID(to), body)
        stanza["eme"]["namespace"] = NAMESPACES[version]
        stanza.send()
        return {"event": "sent", "stanza": message["id"]}

    async def seal_03(self, message, to, body):
        message["body"] = body
        stanza, _ = await self.omemo.encrypt_message(message, {to})
        return stanza

    async def do_envelope(self, to, content):
        await self.look_once(JID(to))
        message = self.make_message(mto=to, mtype="chat")
        message["id"] = self.new_id()
        stanza = await self.seal_2(message, JID(to), None, content)
        stanza["eme"]["namespace"] = NAMESPACES["2"]
        stanza.send()
        return {"event": "sent", "stanza": message["id"]}

    async def seal_2(self, message, to, body, more=""):
        await self.omemo.refresh_device_lists({to})
        manager = await self.omemo.get_session_manager()
        content = self.envelope(body, more)
        namespace = NAMESPACES["2"]
        sealed, _ = await manager.encrypt(frozenset({to.bare}), {namespace: content}, backend_priority_order=[namespace])
        for part in sealed:
            message.append(twomemo.etree.serialize_message(part))
        message["body"] = "I sent you an OMEMO encrypted message."
        message.enable("store")
        return message

    async def do_join(self, room):
        self.rooms.setdefault(room, {})
        await self["xep_0045"].join_muc_wait(JID(room), self.boundjid.user, maxstanzas=0, timeout=60)
        return {"event": "joined"}

    async def do_leave(self, room):
        self["xep_0045"].leave_muc(JID(room), self.boundjid.user)
        self.rooms.pop(room, None)
        return {"event": "left"}

    async def members(self, room):
        found = set()
        for affiliation in ("owner", "admin", "member"):
            found |= {JID(jid).bare for jid in await self["xep_0045"].get_affiliation_list(JID(room), affiliation)}
        return frozenset(found - {self.boundjid.bare})

    async def do_say(self, room, body, version="0.3"):
        members = await self.members(room)
        for member in members:
            await self.look_once(JID(member))
        contents = {NAMESPACES["2"]: self.envelope(body, room=room)} if version == "2" else {}
        if "0.3" in self.options.versions:
            contents[NAMESPACES["0.3"]] = body.encode()
        manager = await self.omemo.get_session_manager()
        sealed, errors = await manager.encrypt(members, contents, backend_priority_order=list(contents))
        message = self.make_message(mto=room, mtype="groupchat")
        message["id"] = self.new_id()
        ET.SubElement(message.xml, "{urn:xmpp:sid:0}origin-id", {"id": message["id"]})
        for part in sealed:
            etree = twomemo.etree if part.namespace == NAMESPACES["2"] else oldmemo.etree
            message.append(etree.serialize_message(part))
        message["body"] = "I sent you an OMEMO encrypted message."
        message.enable("store")
        message.send()
        return {"event": "sent", "stanza": message["id"], "errors": [str(error) for error in errors]}

    async def do_room_history(self, room):
        manager = await self.omemo.get_session_manager()
        manager.before_history_sync()
        async for result in self["xep_0313"].iterate(jid=JID(room), rsm={"max": 100}):
            message = result["mam_result"]["forwarded"]["stanza"]
            if message["type"] == "groupchat" and message["from"].resource:
                await self.read_in_room(message, "archive")
        await manager.after_history_sync()
        return {"event": "room_history"}

    def envelope(self, body, more="", room=None):
        ET.register_namespace("", SCE)
        envelope = ET.Element("{%s}envelope" % SCE)
        content = ET.SubElement(envelope, "{%s}content" % SCE)
        if body is not None:
            ET.SubElement(content, "{%s}body" % CLIENT).text = body
        content.extend(ET.fromstring("<all>%s</all>" % more))
        ET.SubElement(envelope, "{%s}rpad" % SCE).text = secrets.token_urlsafe(secrets.randbelow(64))
        ET.SubElement(envelope, "{%s}from" % SCE, {"jid": self.boundjid.bare})
        if room is not None:
            ET.SubElement(envelope, "{%s}to" % SCE, {"jid": room})
        return ET.tostring(envelope)

    async def do_plain(self, to, body):
        self.send_message(mto=to, mbody=body, mtype="chat")
        return {"event": "sent"}

    async def do_befriend(self, jid):
        self.send_presence_subscription(jid, ptype="subscribe")
        self.send_presence_subscription(jid, ptype="subscribed")
        return {"event": "befriended"}

    async def do_devices(self, jid=None):
        await self.tell_devices(jid)
        return {"event": "devices_told"}

    async def tell_devices(self, jid):
        manager = await self.omemo.get_session_manager()
        if jid is None:
            own, others = await manager.get_own_device_information()
            devices = [own, *others]
        else:
            devices = await manager.get_device_information(jid)
        for device in devices:
            say("device", jid=device.bare_jid, device=device.device_id, identity_key=device.identity_key.hex(),
                versions=sorted(VERSIONS[namespace] for namespace in device.namespaces if namespace in VERSIONS))

    async def do_history(self, page=100):
        manager = await self.omemo.get_session_manager()
        manager.before_history_sync()
        start, count = (time.monotonic(), time.process_time()), 0
        async for result in self["xep_0313"].iterate(rsm={"max": page}):
            message = result["mam_result"]["forwarded"]["stanza"]
            if message["from"].bare != self.boundjid.bare:
                count += 1
                await self.read(message, "archive")
        await manager.after_history_sync()
        return {"event": "history", "messages": count, "seconds": time.monotonic() - start[0],
                "cpu_seconds": time.process_time() - start[1]}

    async def do_raw(self, xml):
        self.send_raw(xml)
        return {"event": "sent"}

    async def do_quit(self):
        await self.disconnect()
        say("quit")
        os._exit(0)


async def obey(peer):
    """Carries out the commands of standard input one after the other; its end is the peer's."""
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        number = command.pop("id", None)
        try:
            answer = await getattr(peer, "do_" + command.pop("do"))(**command)
        except Exception as error:
            answer = {"event": "failed", "error": "%s: %s" % (type(error).__name__, str(error)[:300])}
        print(json.dumps({**answer, "id": number}), flush=True)
    os._exit(0)


def speak_only(versions):
    """The plugin always speaks both versions; whoever speaks one alone is what many people run."""
    create = SessionManager.create.__func__

    async def keep(_session):
        return False

    async def create_some(cls, backends, *rest, **more):
        chosen = [backend for backend in backends if VERSIONS[backend.namespace] in versions]
        for backend in chosen:
            # Two who fetch one bundle may take the same key out of it, once in a hundred, and the second would not be read:
            # here keys serve as often as they are used. (Hidden ones are forgotten with the next look into the storage.)
            backend.delete_pre_key = keep
        return await create(cls, chosen, *rest, **more)

    SessionManager.create = classmethod(create_some)
    refresh = SessionManager.refresh_device_list

    async def refresh_some(self, namespace, bare_jid):
        if VERSIONS[namespace] in versions:
            await refresh(self, namespace, bare_jid)

    SessionManager.refresh_device_list = refresh_some


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--versions", nargs="+", choices=list(NAMESPACES), default=list(NAMESPACES))
    for name in ("jid", "password", "port", "ca", "db"):
        parser.add_argument("--" + name, required=True)
    options = parser.parse_args()
    speak_only(options.versions)
    peer = Peer(options)
    peer.connect("127.0.0.1", int(peer.options.port))
    await obey(peer)


asyncio.run(main())
