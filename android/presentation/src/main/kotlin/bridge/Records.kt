package chat.dunnock.bridge

/** How awake the app is. */
enum class Life { FOREGROUND, BACKGROUND, SUSPENDED }

/** How an account reaches its server. There is no fallback from one to another. */
sealed interface Route {
    /** Straight over the network. */
    data object Direct : Route

    /** Through the Tor in this app. */
    data object Tor : Route

    /** Through a SOCKS5 proxy, Orbot for example. */
    data class Socks(val host: String, val port: Int) : Route
}

/** What is needed to add or make an account. [host], [port] and [ca] (PEM) replace what DNS and the platform say. */
data class NewAccount(
    val jid: String,
    val password: String,
    val route: Route = Route.Direct,
    val host: String? = null,
    val port: Int? = null,
    val ca: String? = null,
)

/** An account folder whose database cannot be opened, and the code of why. Whose it is cannot be told either. */
data class Damage(val folder: String, val kind: String)

/** How much of a message was sealed. */
enum class Sealing { NONE, CONTENT, FULL }

/** What became of a message of ours; it only climbs. */
enum class Fate { WAITING, SENDING, SENT, FAILED, DELIVERED, DISPLAYED }

/** What is thought of a device's key. */
enum class Trust { UNDECIDED, FIRST_USE, VOUCHED, VERIFIED, DISTRUSTED }

/** Where a connection stands. */
enum class LinkState { OFFLINE, CONNECTING, ONLINE, REFUSED, CONTRADICTION }

/** Whether Tor inside of the app can be used: nobody needed it, it finds its way, it carries streams. */
enum class TorState { OFF, STARTING, READY }

/** How Tor inside of the app stands: how far its start is, 0 to 100, and the code of why it gets no further. */
data class TorStatus(val state: TorState, val percent: Int = 0, val blocked: String? = null)

/** A connection: where it stands, the code of its last failure, and its way. [tor] is null where the way is another. */
data class Link(
    val state: LinkState,
    val error: String? = null,
    val caughtUp: Boolean = false,
    val route: Route = Route.Direct,
    val tor: TorStatus? = null,
)

/** A key that a server showed: its SHA-256 in hexadecimal, and who signed its certificate. */
data class ServerKey(val key: String, val issuer: String)

/** What stands against a server: since when, the code of what was missing or wrong, and the keys it showed before and then. */
data class Doubt(val since: Long, val because: String?, val before: ServerKey?, val shown: ServerKey?)

/** One line of the chat list. */
data class Chat(
    val jid: String,
    val name: String?,
    val unread: Int,
    val last: Message?,
    val sealed: Sealing,
    val plainAllowed: Boolean,
    val typing: Boolean,
)

/** One row of a chat. [error] and [reason] are codes; [time] is in milliseconds since 1970. */
data class Message(
    val id: String,
    val chat: String,
    val from: String,
    val text: String?,
    val sealed: Sealing,
    val time: Long,
    val own: Boolean,
    val fate: Fate? = null,
    val reached: Int? = null,
    val known: Int? = null,
    val error: String? = null,
    val reason: String? = null,
    val replyTo: String? = null,
    val trust: Trust? = null,
)

/** A person in the contact list. */
data class Contact(
    val jid: String,
    val name: String?,
    /** They asked to see our presence and wait for the answer. */
    val requests: Boolean,
    val blocked: Boolean,
    val online: Boolean,
)

/** A device that can read or write a chat. */
data class Device(
    val id: Long,
    val fingerprint: String,
    val trust: Trust,
    val versions: List<String>,
    val own: Boolean,
    val current: Boolean,
)

/** What a fetch brought. [whole]: all that the servers had is here; else there is more for the next one. */
data class Fetched(val whole: Boolean, val told: List<Told>)

/** A message that somebody is to be told of, oldest first: whose chat, and the name that a person gave it. */
data class Told(val chat: String, val name: String?)
