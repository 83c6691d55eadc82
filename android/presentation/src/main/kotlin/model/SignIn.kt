package chat.dunnock.presentation

import chat.dunnock.bridge.Account
import chat.dunnock.bridge.Home
import chat.dunnock.bridge.Link
import chat.dunnock.bridge.LinkState
import chat.dunnock.bridge.NewAccount
import chat.dunnock.bridge.Trouble
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.firstOrNull
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.update

/** What is filled in for a server of one's own: a computer's name and port, and the only authority to trust (PEM). */
data class Server(val host: String = "", val port: String = "", val ca: String? = null)

/** The sign-in screen. */
data class SignInState(
    val address: String = "",
    val password: String = "",
    /** A new account is made on the server. */
    val making: Boolean = false,
    val way: Way = Way(),
    val server: Server = Server(),
    val busy: Boolean = false,
    /** Tor's start, while the login waits for it. */
    val torStart: TorStart? = null,
    val problem: Problem? = null,
) {
    /** Whether enough is filled in to try. */
    val ready: Boolean
        get() = !busy && looksLikeAddress(address.trim()) && password.isNotEmpty() && way.ready && portReady

    private val portReady get() = server.port.isBlank() || port(server.port) != null
}

/** Adds an account, proves that it can log in, and hands it on. */
class SignInModel(
    private val home: Home,
    private val scope: CoroutineScope,
    first: SignInState = SignInState(),
    private val done: suspend (Account) -> Unit,
) {
    private val problems = Problems(home::explain)
    private val mutable = MutableStateFlow(first)

    /** What the screen shows. */
    val state: StateFlow<SignInState> = mutable.asStateFlow()

    /** A person wrote or chose something; what went wrong before is no longer of interest. */
    fun change(new: (SignInState) -> SignInState) = mutable.update { old -> if (old.busy) old else new(old).copy(problem = null) }

    /** Tries it once. */
    fun go() {
        val asked = mutable.value
        if (!asked.ready) return
        mutable.update { it.copy(busy = true, problem = null) }
        val failed = { problem: Problem -> mutable.update { it.copy(busy = false, torStart = null, problem = problem) } }
        scope.attempt(problems, failed) {
            val account = if (asked.making) home.register(asked.account()) else home.add(asked.account())
            try {
                proved(account)
            } catch (trouble: Trouble) {
                // An account that was made on the server stays: only this home knows that it was.
                if (!asked.making) home.remove(account.jid)
                throw trouble
            }
            done(account)
        }
    }

    /** Waits for the first login. What the core would try again by itself is told here: the person is waiting for it. */
    private suspend fun proved(account: Account) {
        account.connect()
        val seen = account.link().onEach { link -> mutable.update { it.copy(torStart = torStart(link)) } }
        val end: Link? = seen.firstOrNull { it.state != LinkState.OFFLINE && (it.state != LinkState.CONNECTING || it.error != null) }
        if (end?.state != LinkState.ONLINE) throw Trouble(end?.error ?: "ended", account.jid)
    }
}

private fun SignInState.account() = NewAccount(
    jid = address.trim(),
    password = password,
    route = way.route(),
    host = server.host.trim().ifEmpty { null },
    port = port(server.port),
    ca = server.ca,
)

/** Whether it has the form name@server; the core decides. */
internal fun looksLikeAddress(text: String): Boolean {
    val at = text.indexOf('@')
    return at in 1..<text.length - 1 && text.none { it.isWhitespace() || it == '/' }
}
