package chat.dunnock.bridge

import chat.dunnock.core.Client
import chat.dunnock.core.DunnockException
import chat.dunnock.core.ErrorKind
import chat.dunnock.core.InternalException
import chat.dunnock.core.Lifecycle
import chat.dunnock.core.Tls
import chat.dunnock.core.errorCause
import chat.dunnock.core.errorCode
import chat.dunnock.core.errorRemedy
import chat.dunnock.core.openClient
import kotlinx.coroutines.flow.Flow
import chat.dunnock.core.NewAccount as CoreNewAccount
import chat.dunnock.core.Route as CoreRoute
import chat.dunnock.core.TorState as CoreTorState
import chat.dunnock.core.TorStatus as CoreTorStatus

/** Opens the home in this folder with its 32 bytes of key; the folder is made if it is not there. */
suspend fun openHome(folder: String, key: ByteArray): Home = crossing { RustHome(openClient(folder, key)) }

/** The core's home behind the border. */
private class RustHome(private val client: Client) : Home {
    private val kinds = ErrorKind.entries.associateBy { errorCode(it) }

    override suspend fun accounts(): List<Account> = crossing { client.accounts() }.map { RustAccount(it, ::tor) }

    override suspend fun damaged(): List<Damage> = crossing { client.damaged() }.map { Damage(it.folder, errorCode(it.kind)) }

    override suspend fun export(damage: Damage, file: String): Long = crossing { client.exportDamaged(damage.folder, file) }.toLong()

    override suspend fun remove(damage: Damage) = crossing { client.removeDamaged(damage.folder) }

    override suspend fun add(account: NewAccount): Account = RustAccount(crossing { client.add(account.core()) }, ::tor)

    override suspend fun register(account: NewAccount): Account = RustAccount(crossing { client.register(account.core()) }, ::tor)

    override suspend fun remove(jid: String) = crossing { client.remove(jid) }

    override suspend fun networkChanged() = crossing { client.networkChanged() }

    override suspend fun become(life: Life) = crossing {
        client.setLifecycle(
            when (life) {
                Life.FOREGROUND -> Lifecycle.FOREGROUND
                Life.BACKGROUND -> Lifecycle.BACKGROUND
                Life.SUSPENDED -> Lifecycle.SUSPENDED
            },
        )
    }

    override suspend fun fetch(deadline: Long): Fetched {
        val report = crossing { client.backgroundSync(deadline.toULong()) }
        return Fetched(report.caughtUp, report.notifications.map { Told(it.item.chat, it.name) })
    }

    override fun tor(): Flow<TorStatus> = pulled(client::watchTor, { it.next() }, { it.end(); it.close() }, CoreTorStatus::plain)

    override fun explain(kind: String): Explanation? = kinds[kind]?.let { Explanation(errorCause(it), errorRemedy(it)) }

    override suspend fun end() = crossing { client.end() }
}

private fun NewAccount.core() = CoreNewAccount(
    jid = jid,
    password = password,
    host = host,
    port = port?.toUShort(),
    tls = Tls.AUTO,
    ca = ca,
    route = route.core(),
)

internal fun Route.core(): CoreRoute = when (this) {
    Route.Direct -> CoreRoute.Direct
    Route.Tor -> CoreRoute.Tor
    is Route.Socks -> CoreRoute.Socks5(host, port.toUShort())
}

private fun CoreTorStatus.plain() = TorStatus(
    when (state) {
        CoreTorState.OFF -> TorState.OFF
        CoreTorState.STARTING -> TorState.STARTING
        CoreTorState.READY -> TorState.READY
    },
    percent.toInt(),
    blocked,
)

/** Calls the core; what it throws comes out as [Trouble], whatever it was. */
internal suspend fun <T> crossing(call: suspend () -> T): T = try {
    call()
} catch (failed: DunnockException.Failed) {
    throw Trouble(errorCode(failed.kind), failed.subject)
} catch (_: InternalException) {
    throw Trouble("crashed")
} catch (over: IllegalStateException) {
    // A coroutine's end is one too, and no failure of the core.
    if (over is kotlinx.coroutines.CancellationException) throw over
    // The handle was given up while somebody still used it.
    throw Trouble("ended")
}
