package chat.dunnock.bridge

import chat.dunnock.core.ChatItem
import chat.dunnock.core.Connection
import chat.dunnock.core.ContactChange
import chat.dunnock.core.Delivery
import chat.dunnock.core.DeviceView
import chat.dunnock.core.ServerChangeKind
import chat.dunnock.core.State
import chat.dunnock.core.TimelineItem
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import chat.dunnock.core.Account as CoreAccount
import chat.dunnock.core.Contact as CoreContact
import chat.dunnock.core.Route as CoreRoute
import chat.dunnock.core.Sealing as CoreSealing
import chat.dunnock.core.ServerKey as CoreServerKey
import chat.dunnock.core.Trust as CoreTrust

/** The core's account behind the border. */
internal class RustAccount(private val account: CoreAccount, private val tor: () -> Flow<TorStatus>) : Account {
    override val jid: String = account.jid()

    override suspend fun connect() = crossing { account.connect() }
    override suspend fun connectAgain() = crossing { account.connectAgain() }

    override suspend fun doubt(): Doubt? {
        val server = crossing { account.server() }
        val since = server.contradiction ?: return null
        val change = server.changes.firstOrNull { it.kind == ServerChangeKind.CONTRADICTION }
        return Doubt(since, change?.because, change?.before?.plain(), change?.after?.plain())
    }

    override suspend fun acceptServer() = crossing { account.acceptServer() }
    override suspend fun disconnect() = crossing { account.disconnect() }

    override suspend fun take(route: Route) = crossing { account.setRoute(route.core()) }

    override suspend fun send(to: String, text: String, replyTo: String?) {
        crossing { account.send(to, text, replyTo, null) }
    }

    override suspend fun markRead(chat: String) = crossing { account.markRead(chat) }
    override suspend fun allowPlain(chat: String, allow: Boolean) = crossing { account.allowPlain(chat, allow) }
    override suspend fun typing(chat: String, typing: Boolean) = crossing { account.typing(chat, typing) }
    override suspend fun addContact(jid: String) = crossing { account.contact(jid, ContactChange.Add) }

    override suspend fun answerContact(jid: String, accept: Boolean) =
        crossing { account.contact(jid, if (accept) ContactChange.Accept else ContactChange.Decline) }

    override suspend fun decide(jid: String, fingerprint: String, verified: Boolean) =
        crossing { account.decide(jid, fingerprint, if (verified) CoreTrust.VERIFIED else CoreTrust.DISTRUSTED) }

    override suspend fun earlier(chat: String, before: String, limit: Int): List<Message> =
        crossing { account.timeline(chat, before, limit.toUInt()) }.map(TimelineItem::plain)

    override fun chats(): Flow<List<Chat>> =
        pulled(account::watchChats, { it.next() }, { it.end(); it.close() }) { all -> all.map(ChatItem::plain) }

    override fun timeline(chat: String, limit: Int): Flow<List<Message>> =
        pulled({ account.watchTimeline(chat, limit.toUInt()) }, { it.next() }, { it.end(); it.close() }) { all -> all.map(TimelineItem::plain) }

    override fun contacts(): Flow<List<Contact>> =
        pulled(account::watchContacts, { it.next() }, { it.end(); it.close() }) { all -> all.map(CoreContact::plain) }

    override fun devices(jid: String): Flow<List<Device>> =
        pulled({ account.watchDevices(jid) }, { it.next() }, { it.end(); it.close() }) { all -> all.map(DeviceView::plain) }

    override fun link(): Flow<Link> =
        pulled(account::watchConnection, { it.next() }, { it.end(); it.close() }, Connection::plain)
            // A stream on another way ends when the way is changed, so each change of it comes by here.
            .map { it.copy(route = crossing { account.route() }.plain()) }
            .combine(tor()) { link, status -> if (link.route == Route.Tor) link.copy(tor = status) else link }
}

/** Opens a window and pulls until it ends; whoever collects no longer gives it up. */
internal fun <Q, T, U> pulled(open: () -> Q, next: suspend (Q) -> T?, end: (Q) -> Unit, plain: (T) -> U): Flow<U> = flow {
    val query = crossing { open() }
    try {
        while (true) emit(plain(crossing { next(query) } ?: break))
    } finally {
        end(query)
    }
}

private fun ChatItem.plain() = Chat(chat, name, unread.toInt(), last?.plain(), sealed.plain(), plainAllowed, typing)

private fun TimelineItem.plain() = Message(
    id = message,
    chat = chat,
    from = from,
    text = text,
    sealed = sealed.plain(),
    time = time,
    own = own,
    fate = state?.plain(),
    reached = devices?.reached?.toInt(),
    known = devices?.known?.toInt(),
    error = error,
    reason = reason,
    replyTo = replyTo,
    trust = trust?.plain(),
)

private fun CoreServerKey.plain() = ServerKey(key, issuer)

private fun CoreContact.plain() = Contact(jid, name, requests, blocked, online)

private fun DeviceView.plain() = Device(device.toLong(), fingerprint, trust.plain(), versions, own, current)

private fun Connection.plain() = Link(
    when (state) {
        State.OFFLINE -> LinkState.OFFLINE
        State.CONNECTING -> LinkState.CONNECTING
        State.ONLINE -> LinkState.ONLINE
        State.REFUSED -> LinkState.REFUSED
        State.CONTRADICTION -> LinkState.CONTRADICTION
    },
    error,
    caughtUp,
)

private fun CoreRoute.plain() = when (this) {
    CoreRoute.Direct -> Route.Direct
    CoreRoute.Tor -> Route.Tor
    is CoreRoute.Socks5 -> Route.Socks(host, port.toInt())
}

private fun CoreSealing.plain() = when (this) {
    CoreSealing.NONE -> Sealing.NONE
    CoreSealing.CONTENT -> Sealing.CONTENT
    CoreSealing.FULL -> Sealing.FULL
}

private fun Delivery.plain() = when (this) {
    Delivery.WAITING -> Fate.WAITING
    Delivery.SENDING -> Fate.SENDING
    Delivery.SENT -> Fate.SENT
    Delivery.FAILED -> Fate.FAILED
    Delivery.DELIVERED -> Fate.DELIVERED
    Delivery.DISPLAYED -> Fate.DISPLAYED
}

private fun CoreTrust.plain() = when (this) {
    CoreTrust.UNDECIDED -> Trust.UNDECIDED
    CoreTrust.FIRST_USE -> Trust.FIRST_USE
    CoreTrust.VOUCHED -> Trust.VOUCHED
    CoreTrust.VERIFIED -> Trust.VERIFIED
    CoreTrust.DISTRUSTED -> Trust.DISTRUSTED
}
