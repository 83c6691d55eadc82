package chat.dunnock.presentation

import chat.dunnock.bridge.Account
import chat.dunnock.bridge.Chat
import chat.dunnock.bridge.Explanation
import chat.dunnock.bridge.Message
import chat.dunnock.bridge.Sealing
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/** How many rows the window of a chat holds; earlier ones come in pages of the same size. */
const val WINDOW = 100

/** After so long without a key stroke we no longer type, in milliseconds (XEP-0085 speaks of seconds). */
private const val TYPING_PAUSE = 5_000L

/** A long message that is read as a whole, in pieces. */
data class Reading(val id: String, val pieces: List<String>)

/** The chat screen. [rows] is null until the first snapshot; newest first. */
data class ChatState(
    val name: String = "",
    val address: String = "",
    val rows: List<Row>? = null,
    /** There may be rows before the last of [rows]. */
    val earlier: Boolean = false,
    val draft: String = "",
    val sending: Boolean = false,
    val typing: Boolean = false,
    /** The level that the next message gets. */
    val sealing: Sealing = Sealing.FULL,
    val plainAllowed: Boolean = false,
    val link: LinkLine = LinkLine(),
    val reading: Reading? = null,
    val problem: Problem? = null,
) {
    /** Whether there is something to send. */
    val ready: Boolean get() = draft.isNotBlank() && !sending
}

/** One chat: what was said, what became of it, and what is being written. */
class ChatModel(
    private val account: Account,
    /** Whose chat: the bare JID. */
    val chat: String,
    private val scope: CoroutineScope,
    explain: (String) -> Explanation?,
) {
    private val problems = Problems(explain)
    private val mutable = MutableStateFlow(ChatState(name = shownName(chat), address = shownName(chat)))

    /** What the screen shows. */
    val state: StateFlow<ChatState> = mutable.asStateFlow()

    private var window: List<Message> = emptyList()
    private var earlier: List<Message> = emptyList()
    private var visible = false
    private var unread = 0
    private var typing: Job? = null

    init {
        scope.follow(account.timeline(chat, WINDOW), problems, ::failed) { seen -> window = seen; show(seen.size == WINDOW) }
        scope.follow(account.chats().map { all -> all.firstOrNull { it.jid == chat } }, problems, ::failed) { it?.let(::about) }
        scope.follow(account.link(), problems, ::failed) { link -> mutable.update { it.copy(link = problems.line(link)) } }
    }

    private fun failed(problem: Problem) = mutable.update { it.copy(problem = problem) }

    /** The window moves on as messages come; what it leaves behind is kept, so that the screen has no hole. */
    private fun show(full: Boolean) {
        val all = (window + earlier).distinctBy { it.id }
        val among = all.associateBy { it.id }
        mutable.update { old ->
            val more = if (earlier.isEmpty()) full else old.earlier
            old.copy(rows = all.map { row(it, among, problems) }, earlier = more)
        }
        if (earlier.isNotEmpty()) earlier = all
    }

    private fun about(item: Chat) {
        unread = item.unread
        mutable.update {
            it.copy(
                name = shownName(item.name ?: item.jid),
                typing = item.typing,
                sealing = item.sealed,
                plainAllowed = item.plainAllowed,
            )
        }
        if (visible) read()
    }

    /** The screen is in front of a person, or no longer. */
    fun visible(now: Boolean) {
        visible = now
        if (now) read() else stopTyping()
    }

    private fun read() {
        if (unread > 0) scope.attempt(problems, ::failed) { account.markRead(chat) }
    }

    /** The person writes. What would be too long is not taken: it is still where it was copied from. */
    fun draft(text: String) {
        if (text.length > DRAFT_LENGTH) return failed(problems.of("too_large"))
        mutable.update { it.copy(draft = text, problem = null) }
        if (text.isBlank()) return stopTyping()
        val begins = typing == null
        typing?.cancel()
        typing = scope.launch {
            if (begins) attempt(problems, {}) { account.typing(chat, true) }
            delay(TYPING_PAUSE)
            stopTyping()
        }
    }

    private fun stopTyping() {
        val job = typing ?: return
        typing = null
        scope.attempt(problems, {}) { account.typing(chat, false) }
        job.cancel()
    }

    /** Sends the draft. It stays where it is if the core does not take it. */
    fun send() {
        val text = mutable.value.takeIf { it.ready }?.draft ?: return
        mutable.update { it.copy(sending = true, problem = null) }
        typing?.cancel()
        typing = null
        scope.attempt(problems, { problem -> mutable.update { it.copy(sending = false, problem = problem) } }) {
            account.send(chat, text)
            mutable.update { it.copy(sending = false, draft = if (it.draft == text) "" else it.draft) }
        }
    }

    /** Sends the same text anew, as a message of its own. */
    fun sendAgain(row: Row) {
        val text = message(row.id)?.text ?: return
        scope.attempt(problems, ::failed) { account.send(chat, text) }
    }

    /** Allows or forbids plain text in this chat. */
    fun allowPlain(allow: Boolean) = scope.attempt(problems, ::failed) { account.allowPlain(chat, allow) }

    /** Brings rows before those on the screen. */
    fun earlier() {
        val last = (window + earlier).lastOrNull() ?: return
        scope.attempt(problems, ::failed) {
            val page = account.earlier(chat, last.id, WINDOW)
            earlier = (window + earlier + page).distinctBy { it.id }
            mutable.update { it.copy(earlier = page.size == WINDOW) }
            show(false)
        }
    }

    /** Shows the whole of a long message. */
    fun read(row: Row) {
        val text = message(row.id)?.text ?: return
        mutable.update { it.copy(reading = Reading(row.id, pieces(text))) }
    }

    /** Back from the long message. */
    fun readEnough() = mutable.update { it.copy(reading = null) }

    /** The person has read what went wrong. */
    fun understood() = mutable.update { it.copy(problem = null) }

    private fun message(id: String) = (window + earlier).firstOrNull { it.id == id }
}
