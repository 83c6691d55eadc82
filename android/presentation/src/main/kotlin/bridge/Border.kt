package chat.dunnock.bridge

import kotlinx.coroutines.flow.Flow

/** An open home folder: the accounts in it, and how awake they are. Every call may throw [Trouble]. */
interface Home {
    /** The accounts that can be opened, in the order of adding. */
    suspend fun accounts(): List<Account>

    /** Account folders whose database cannot be opened. */
    suspend fun damaged(): List<Damage>

    /** Saves what can still be read of one in a new file; how many rows that is. Nothing of it is changed. */
    suspend fun export(damage: Damage, file: String): Long

    /** Wipes one from this home. */
    suspend fun remove(damage: Damage)

    /** Stores an account, offline. */
    suspend fun add(account: NewAccount): Account

    /** Makes an account on its server (XEP-0077) and stores it, offline. */
    suspend fun register(account: NewAccount): Account

    /** Disconnects an account and wipes its folder. */
    suspend fun remove(jid: String)

    /** The phone is on another network, or on one again. */
    suspend fun networkChanged()

    /** Moves all accounts to another state of life; returns when that is done. */
    suspend fun become(life: Life)

    /** Woken for a moment: fetches what waits on the servers within so many milliseconds, and lets go again. */
    suspend fun fetch(deadline: Long): Fetched

    /** How Tor inside of the app stands. */
    fun tor(): Flow<TorStatus>

    /** Why there is this kind of failure and what helps, as the core words it; null if the core knows no such kind. */
    fun explain(kind: String): Explanation?

    /** Closes the home; afterwards every call throws [Trouble] of the kind `ended`. */
    suspend fun end()
}

/** One account. Flows give whole snapshots, the first at once, and end with the home. */
interface Account {
    /** The bare JID. */
    val jid: String

    /** Goes online and stays so, unless something stands that only a person can take away. */
    suspend fun connect()

    /** The same because a person says so: a password that the server refused is tried once more. */
    suspend fun connectAgain()

    /** What stands against the account's server; null if nothing does. */
    suspend fun doubt(): Doubt?

    /** Takes the server as it is, though that stands against it. */
    suspend fun acceptServer()

    /** Closes the stream and stays offline. */
    suspend fun disconnect()

    /** Chooses another way to the server. There is no fallback: if it does not lead there, the account is offline. */
    suspend fun take(route: Route)

    /** Stores a text to be sent; what becomes of it is told by its row. */
    suspend fun send(to: String, text: String, replyTo: String? = null)

    /** All messages of this chat were read. */
    suspend fun markRead(chat: String)

    /** Allows or forbids plain text in a chat. */
    suspend fun allowPlain(chat: String, allow: Boolean)

    /** We type, or stopped. */
    suspend fun typing(chat: String, typing: Boolean)

    /** Puts a person in the contact list and asks to see their presence. */
    suspend fun addContact(jid: String)

    /** Answers a person who asked to see our presence. */
    suspend fun answerContact(jid: String, accept: Boolean)

    /** Records that a person compared this key ([verified]) or rejects it. */
    suspend fun decide(jid: String, fingerprint: String, verified: Boolean)

    /** Up to [limit] rows before the row [before], newest first. */
    suspend fun earlier(chat: String, before: String, limit: Int): List<Message>

    /** The chat list, newest first. */
    fun chats(): Flow<List<Chat>>

    /** The newest rows of a chat, newest first. */
    fun timeline(chat: String, limit: Int): Flow<List<Message>>

    /** The people of the contact list. */
    fun contacts(): Flow<List<Contact>>

    /** The devices of a person, or of this account. */
    fun devices(jid: String): Flow<List<Device>>

    /** How the connection stands, by which way it goes, and how that way stands. */
    fun link(): Flow<Link>
}

/** A call failed: [kind] is the core's stable code, [subject] the thing it is about, never content. */
class Trouble(val kind: String, val subject: String = "") : Exception(kind)

/** The core's words for a kind of failure: why it happens, and what helps. */
data class Explanation(val cause: String, val remedy: String)
