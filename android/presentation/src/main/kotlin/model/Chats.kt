package chat.dunnock.presentation

import chat.dunnock.bridge.Account
import chat.dunnock.bridge.Chat
import chat.dunnock.bridge.Contact
import chat.dunnock.bridge.Doubt
import chat.dunnock.bridge.Explanation
import chat.dunnock.bridge.LinkState
import chat.dunnock.bridge.Sealing
import chat.dunnock.bridge.ServerKey
import chat.dunnock.bridge.Trouble
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update

/** How long a preview in the list may be, in characters. */
private const val PREVIEW_LENGTH = 120

/** One line of the chat list. [jid] is what the core knows it by, [name] and [address] are fit to be shown. */
data class ChatLine(
    val jid: String,
    val name: String,
    val address: String,
    val preview: String,
    val own: Boolean,
    /** The newest row cannot be read. */
    val unreadable: Boolean,
    val failed: Boolean,
    val time: Long?,
    val unread: Int,
    val typing: Boolean,
    val sealed: Boolean,
)

/** Somebody who asks to become a contact. */
data class Request(val jid: String, val name: String)

/** The dialog for a new person. */
data class Adding(val address: String = "", val busy: Boolean = false, val problem: Problem? = null) {
    /** Whether it could be an address. */
    val ready: Boolean get() = !busy && looksLikeAddress(address.trim())
}

/** The chat list. [lines] is null until the first snapshot. */
data class ChatsState(
    val me: String = "",
    val lines: List<ChatLine>? = null,
    val requests: List<Request> = emptyList(),
    val link: LinkLine = LinkLine(),
    val adding: Adding? = null,
    val leaving: Boolean = false,
    /** The dialog in which a person chooses another way to the server. */
    val choosing: Way? = null,
    val problem: Problem? = null,
    /** What stands against the server, if something does, and whether a person reads it. */
    val doubt: DoubtShown? = null,
    val reading: Boolean = false,
)

/** What stands against a server, as it is shown: why, and the keys it showed before and then. */
data class DoubtShown(val since: Long, val why: Problem?, val before: ServerKey?, val shown: ServerKey?)

/** The chats of an account, and those who ask for one. */
class ChatsModel(
    private val account: Account,
    private val scope: CoroutineScope,
    explain: (String) -> Explanation?,
    private val open: (String) -> Unit,
    private val forget: suspend () -> Unit,
) {
    private val problems = Problems(explain)
    private val mutable = MutableStateFlow(ChatsState(me = shownName(account.jid)))

    /** What the screen shows. */
    val state: StateFlow<ChatsState> = mutable.asStateFlow()

    private var chats: List<Chat> = emptyList()
    private var contacts: List<Contact> = emptyList()

    init {
        scope.follow(account.chats(), problems, ::failed) { seen -> chats = seen; list() }
        scope.follow(account.contacts(), problems, ::failed) { seen -> contacts = seen; list() }
        scope.follow(account.link(), problems, ::failed) { link ->
            val doubt = if (link.state == LinkState.CONTRADICTION) doubt() else null
            mutable.update { it.copy(link = problems.line(link), doubt = doubt, reading = it.reading && doubt != null) }
        }
    }

    private fun failed(problem: Problem) = mutable.update { it.copy(problem = problem) }

    /** Chats first; people with whom there is none yet below them. */
    private fun list() {
        val talking = chats.map { it.jid }.toSet()
        val silent = contacts.filter { it.jid !in talking && !it.requests && !it.blocked }
        val requests = contacts.filter { it.requests && !it.blocked }
        mutable.update { old ->
            old.copy(
                lines = chats.map(::line) + silent.map(::line),
                requests = requests.map { Request(it.jid, shownName(it.name ?: it.jid)) },
            )
        }
    }

    /** Opens the chat with this person. */
    fun open(line: ChatLine) = open(line.jid)

    /** The dialog for a new person opens, changes or closes. */
    fun add(adding: Adding?) = mutable.update { it.copy(adding = adding?.copy(problem = null)) }

    /** Adds the person that the dialog names, and opens the chat. */
    fun addNow() {
        val adding = mutable.value.adding?.takeIf { it.ready } ?: return
        mutable.update { it.copy(adding = adding.copy(busy = true, problem = null)) }
        val failed = { problem: Problem -> mutable.update { it.copy(adding = adding.copy(busy = false, problem = problem)) } }
        scope.attempt(problems, failed) {
            val jid = adding.address.trim()
            account.addContact(jid)
            mutable.update { it.copy(adding = null) }
            open(jid)
        }
    }

    /** Answers somebody who asked. */
    fun answer(request: Request, accept: Boolean) = scope.attempt(problems, ::failed) { account.answerContact(request.jid, accept) }

    /** Goes online by hand, after a refusal for example. */
    fun connect() = scope.attempt(problems, ::failed) { account.connectAgain() }

    private suspend fun doubt(): DoubtShown? = try {
        account.doubt()?.let(::shown)
    } catch (trouble: Trouble) {
        failed(problems.of(trouble))
        null
    }

    private fun shown(doubt: Doubt) = DoubtShown(
        doubt.since,
        doubt.because?.let(problems::of),
        doubt.before?.let { ServerKey(it.key, shownName(it.issuer)) },
        doubt.shown?.let { ServerKey(it.key, shownName(it.issuer)) },
    )

    /** Shows what stands against the server, or closes it. */
    fun read(reading: Boolean) = mutable.update { it.copy(reading = reading) }

    /** Takes the server as it is, and meets it anew. */
    fun acceptServer() {
        read(false)
        scope.attempt(problems, ::failed) {
            account.acceptServer()
            account.connect()
        }
    }

    /** The dialog for another way to the server opens, changes or closes (null). */
    fun choose(way: Way?) = mutable.update { it.copy(choosing = way) }

    /** Takes the way that the dialog names, and tries it. */
    fun chooseNow() {
        val way = mutable.value.choosing?.takeIf { it.ready } ?: return
        mutable.update { it.copy(choosing = null) }
        scope.attempt(problems, ::failed) {
            account.take(way.route())
            account.connect()
        }
    }

    /** Asks whether the account is to be wiped from this device, or no longer. */
    fun leave(asked: Boolean) = mutable.update { it.copy(leaving = asked) }

    /** Wipes the account from this device. */
    fun leaveNow() {
        mutable.update { it.copy(leaving = false) }
        scope.attempt(problems, ::failed) { forget() }
    }

    /** The person has read what went wrong. */
    fun understood() = mutable.update { it.copy(problem = null) }
}

private fun line(chat: Chat): ChatLine {
    val last = chat.last
    return ChatLine(
        jid = chat.jid,
        name = shownName(chat.name ?: chat.jid),
        address = shownName(chat.jid),
        preview = last?.text?.let { beginning(it, PREVIEW_LENGTH) }.orEmpty(),
        own = last?.own == true,
        unreadable = last != null && last.text == null,
        failed = last?.let(::hasFailed) == true,
        time = last?.time,
        unread = chat.unread,
        typing = chat.typing,
        sealed = chat.sealed != Sealing.NONE,
    )
}

private fun line(contact: Contact) = ChatLine(
    jid = contact.jid,
    name = shownName(contact.name ?: contact.jid),
    address = shownName(contact.jid),
    preview = "",
    own = false,
    unreadable = false,
    failed = false,
    time = null,
    unread = 0,
    typing = false,
    sealed = true,
)
