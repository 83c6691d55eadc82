package chat.dunnock.presentation

import chat.dunnock.bridge.Account
import chat.dunnock.bridge.Chat
import chat.dunnock.bridge.Contact
import chat.dunnock.bridge.Damage
import chat.dunnock.bridge.Device
import chat.dunnock.bridge.Doubt
import chat.dunnock.bridge.Explanation
import chat.dunnock.bridge.Fate
import chat.dunnock.bridge.Fetched
import chat.dunnock.bridge.Home
import chat.dunnock.bridge.Life
import chat.dunnock.bridge.Link
import chat.dunnock.bridge.LinkState
import chat.dunnock.bridge.Message
import chat.dunnock.bridge.NewAccount
import chat.dunnock.bridge.Route
import chat.dunnock.bridge.Sealing
import chat.dunnock.bridge.TorState
import chat.dunnock.bridge.TorStatus
import chat.dunnock.bridge.Trouble
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.map

/** A home of one account that a test plays the server to. */
class FakeHome(var refuses: String? = null, private val waits: Boolean = false) : Home {
    val stored = mutableListOf<FakeAccount>()
    val calls = mutableListOf<String>()
    var damage: Damage? = null
    var exportFails: String? = null

    override suspend fun accounts(): List<Account> = stored.toList()
    override suspend fun damaged(): List<Damage> = listOfNotNull(damage)
    override suspend fun export(damage: Damage, file: String): Long {
        exportFails?.let { throw Trouble(it, file) }
        calls += "export ${damage.folder} $file"
        return 7
    }

    override suspend fun remove(damage: Damage) {
        calls += "remove ${damage.folder}"
        this.damage = null
    }

    override suspend fun add(account: NewAccount): Account {
        calls += "add ${account.jid} ${account.route}"
        return FakeAccount(account.jid, refuses, waits).also { stored += it }
    }

    override suspend fun register(account: NewAccount): Account = add(account).also { calls += "register" }
    override suspend fun remove(jid: String) {
        calls += "remove $jid"
        stored.removeAll { it.jid == jid }
    }

    override suspend fun become(life: Life) {
        calls += "$life"
    }

    override suspend fun networkChanged() {
        calls += "another network"
    }

    override fun tor() = MutableStateFlow(TorStatus(TorState.OFF))

    override suspend fun fetch(deadline: Long) = Fetched(whole = true, told = emptyList())

    override fun explain(kind: String) = Explanation("cause of $kind", "remedy of $kind")
    override suspend fun end() {
        calls += "end"
    }
}

/** An account whose snapshots a test sets; one that [waits] connects when the test says so. */
class FakeAccount(override val jid: String, private val refuses: String? = null, private val waits: Boolean = false) : Account {
    val calls = mutableListOf<String>()
    val chats = MutableStateFlow(emptyList<Chat>())
    val rows = MutableStateFlow(emptyList<Message>())
    val people = MutableStateFlow(emptyList<Contact>())
    val keys = MutableStateFlow(emptyMap<String, List<Device>>())
    val link = MutableStateFlow(Link(LinkState.OFFLINE))
    var doubt: Doubt? = null
    var sendFails: String? = null
    var pages: List<Message> = emptyList()

    override suspend fun connect() {
        calls += "connect"
        link.value = link.value.copy(state = LinkState.CONNECTING, error = null)
        if (waits) return
        delay(100)
        link.value = link.value.copy(state = if (refuses == null) LinkState.ONLINE else LinkState.REFUSED, error = refuses)
    }

    override suspend fun connectAgain() {
        calls += "again"
    }

    override suspend fun doubt() = doubt

    override suspend fun acceptServer() {
        calls += "accept"
        doubt = null
        link.value = Link(LinkState.OFFLINE)
    }

    override suspend fun disconnect() {
        calls += "disconnect"
    }

    override suspend fun take(route: Route) {
        calls += "take $route"
        link.value = link.value.copy(route = route)
    }

    override suspend fun send(to: String, text: String, replyTo: String?) {
        delay(10)
        sendFails?.let { throw Trouble(it, to) }
        calls += "send $to $text"
        rows.value = listOf(message("${rows.value.size}", text, own = true, fate = Fate.WAITING)) + rows.value
    }

    override suspend fun markRead(chat: String) {
        calls += "read $chat"
    }

    override suspend fun allowPlain(chat: String, allow: Boolean) {
        calls += "plain $chat $allow"
    }

    override suspend fun typing(chat: String, typing: Boolean) {
        calls += "typing $typing"
    }

    override suspend fun addContact(jid: String) {
        sendFails?.let { throw Trouble(it, jid) }
        calls += "contact $jid"
    }

    override suspend fun answerContact(jid: String, accept: Boolean) {
        calls += "answer $jid $accept"
    }

    override suspend fun decide(jid: String, fingerprint: String, verified: Boolean) {
        calls += "decide $jid $fingerprint $verified"
    }

    override suspend fun earlier(chat: String, before: String, limit: Int): List<Message> = pages.take(limit)
    override fun chats() = chats
    override fun timeline(chat: String, limit: Int) = rows.map { it.take(limit) }
    override fun contacts() = people
    override fun devices(jid: String) = keys.map { it[jid].orEmpty() }
    override fun link() = link
}

/** A row of Romeo's, or of ours. */
fun message(id: String, text: String?, own: Boolean = false, fate: Fate? = null, error: String? = null, reason: String? = null) = Message(
    id = id,
    chat = "romeo@x.example",
    from = if (own) "juliet@x.example" else "romeo@x.example",
    text = text,
    sealed = Sealing.FULL,
    time = 1_700_000_000_000,
    own = own,
    fate = fate,
    error = error,
    reason = reason,
)

/** A chat with Romeo. */
fun chat(name: String? = null, unread: Int = 0, last: Message? = null) =
    Chat("romeo@x.example", name, unread, last, Sealing.FULL, plainAllowed = false, typing = false)
