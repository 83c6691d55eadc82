package chat.dunnock.presentation

import chat.dunnock.bridge.Account
import chat.dunnock.bridge.Damage
import chat.dunnock.bridge.Explanation
import chat.dunnock.bridge.Home
import chat.dunnock.bridge.Life
import chat.dunnock.bridge.Trouble
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.plus

/** What is in front of the person. */
sealed interface Screen {
    /** The home is being opened. */
    data object Opening : Screen

    /** The home cannot be opened, or (then with a model) the account in it. */
    data class Broken(val problem: Problem, val model: BrokenModel? = null) : Screen

    /** No account yet. */
    data class SignIn(val model: SignInModel) : Screen

    /** The chat list. */
    data class Chats(val model: ChatsModel) : Screen

    /** One chat. */
    data class Chat(val model: ChatModel) : Screen

    /** Devices and their keys. */
    data class Devices(val model: DevicesModel) : Screen
}

/** So many new messages in a chat. */
data class News(val chat: String, val name: String, val count: Int)

/**
 * The way through the screens. [open] opens the home, [first] is what the sign-in screen begins with, [export] names a new
 * file for what can be saved of a damaged account, [scope] lives as long as the app and runs on one thread: the models keep
 * state of their own between two steps.
 */
class AppModel(
    private val open: suspend () -> Home,
    private val scope: CoroutineScope,
    private val first: SignInState = SignInState(),
    private val export: () -> String,
) {
    private class Place(val screen: Screen, val scope: CoroutineScope)

    private val mutable = MutableStateFlow<Screen>(Screen.Opening)

    /** What is in front of the person. */
    val screen: StateFlow<Screen> = mutable.asStateFlow()

    private var places: List<Place> = emptyList()
    private var home: Home? = null
    private var account: Account? = null

    init {
        start()
    }

    /** Opens the home; again after a person saw to what was wrong. */
    fun start() {
        mutable.value = Screen.Opening
        scope.launch {
            try {
                val opened = home ?: open().also { home = it }
                val first = opened.accounts().firstOrNull()
                val damage = opened.damaged().firstOrNull()
                when {
                    first != null -> enter(opened, first, connect = true)
                    damage != null -> broken(opened, damage)
                    else -> signIn(opened)
                }
            } catch (trouble: Trouble) {
                mutable.value = Screen.Broken(Problems(::explain).of(trouble))
            }
        }
    }

    /** Without a home nobody has words for it but the screen. */
    private fun explain(kind: String): Explanation? = home?.explain(kind)

    private fun signIn(home: Home) = begin { scope ->
        Screen.SignIn(SignInModel(home, scope, first) { account -> enter(home, account, connect = false) })
    }

    private fun broken(home: Home, damage: Damage) = begin { scope ->
        Screen.Broken(Problems(home::explain).of(damage.kind), BrokenModel(home, damage, scope, export, ::start))
    }

    private suspend fun enter(home: Home, account: Account, connect: Boolean) {
        this.account = account
        begin { scope ->
            Screen.Chats(ChatsModel(account, scope, home::explain, ::openChat) { leave(home, account) })
        }
        if (connect) account.connect()
    }

    private suspend fun leave(home: Home, account: Account) {
        home.remove(account.jid)
        this.account = null
        signIn(home)
    }

    /** Opens the chat with this person, from a notification too. */
    fun openChat(jid: String) {
        val account = account ?: return
        while (places.size > 1) pop()
        push { scope -> Screen.Chat(ChatModel(account, jid.lowercase(), scope, ::explain)) }
    }

    /** Opens the devices of a person, or of ourselves. */
    fun openDevices(jid: String?) {
        val account = account ?: return
        push { scope -> Screen.Devices(DevicesModel(account, jid, scope, ::explain)) }
    }

    /** One screen back; false on the first, where the system takes over. */
    fun back(): Boolean {
        if (places.size < 2) return false
        pop()
        mutable.value = places.last().screen
        return true
    }

    /** What came while nobody looked, by chat: a name fit to be shown and how many. Null if it is to be tried again. */
    suspend fun fetch(deadline: Long): List<News>? = try {
        val home = home ?: open().also { home = it }
        val fetched = home.fetch(deadline)
        val news = fetched.told.groupBy { it.chat }.map { (chat, all) -> News(chat, shownName(all.last().name ?: chat), all.size) }
        news.takeIf { fetched.whole || it.isNotEmpty() }
    } catch (trouble: Trouble) {
        // Without an account there is nothing to fetch, and nothing to try again.
        if (trouble.kind == "no_account") emptyList() else null
    }

    /** The app came to the front or left it. */
    fun become(life: Life) {
        scope.launch {
            try {
                home?.become(life)
            } catch (_: Trouble) {
                // The connection's line on the screen tells what the person can act on.
            }
        }
    }

    /** The system tells of another network. */
    fun networkChanged() {
        scope.launch {
            try {
                home?.networkChanged()
            } catch (_: Trouble) {
                // As above.
            }
        }
    }

    /** Closes the home; the app is over. */
    suspend fun end() {
        while (places.isNotEmpty()) pop()
        home?.end()
    }

    private fun begin(screen: (CoroutineScope) -> Screen) {
        val before = places
        places = emptyList()
        push(screen)
        // Last: the one who called may run in it.
        before.forEach { it.scope.cancel() }
    }

    private fun push(screen: (CoroutineScope) -> Screen) {
        val scope = scope + Job(scope.coroutineContext.job)
        places = places + Place(screen(scope), scope)
        mutable.value = places.last().screen
    }

    private fun pop() {
        places.last().scope.cancel()
        places = places.dropLast(1)
    }
}
