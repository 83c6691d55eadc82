package chat.dunnock.presentation

import chat.dunnock.bridge.Account
import chat.dunnock.bridge.Device
import chat.dunnock.bridge.Explanation
import chat.dunnock.bridge.Trust
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update

/** One device. [fingerprint] is in groups of eight, as people compare it; empty until the key is known. */
data class DeviceLine(
    val id: Long,
    val key: String,
    val fingerprint: String,
    val trust: Trust,
    val versions: List<String>,
    val own: Boolean,
    val current: Boolean,
) {
    /** A person can decide on it: its key is known, and it is not the one in their hand. */
    val open: Boolean get() = !current && key.isNotEmpty()
}

/** The devices screen. The lists are null until their first snapshot. */
data class DevicesState(
    val name: String,
    /** Null on one's own screen. */
    val theirs: List<DeviceLine>?,
    val ours: List<DeviceLine>? = null,
    val alone: Boolean = false,
    val problem: Problem? = null,
)

/** The devices of a person and of ourselves, with their fingerprints; of ourselves only where [person] is null. */
class DevicesModel(
    private val account: Account,
    private val person: String?,
    private val scope: CoroutineScope,
    explain: (String) -> Explanation?,
) {
    private val problems = Problems(explain)
    private val mutable =
        MutableStateFlow(DevicesState(shownName(person ?: account.jid), theirs = null, alone = person == null))

    /** What the screen shows. */
    val state: StateFlow<DevicesState> = mutable.asStateFlow()

    init {
        person?.let { jid ->
            scope.follow(account.devices(jid), problems, ::failed) { seen -> mutable.update { it.copy(theirs = seen.map(::line)) } }
        }
        scope.follow(account.devices(account.jid), problems, ::failed) { seen -> mutable.update { it.copy(ours = seen.map(::line)) } }
    }

    private fun failed(problem: Problem) = mutable.update { it.copy(problem = problem) }

    /** The person compared the key, or rejects it. */
    fun decide(device: DeviceLine, verified: Boolean) {
        val owner = if (device.own) account.jid else person ?: return
        scope.attempt(problems, ::failed) { account.decide(owner, device.key, verified) }
    }

    /** The person has read what went wrong. */
    fun understood() = mutable.update { it.copy(problem = null) }
}

private fun line(device: Device) = DeviceLine(
    id = device.id,
    key = device.fingerprint,
    fingerprint = device.fingerprint.filterNot { it.isWhitespace() }.chunked(8).joinToString(" "),
    trust = device.trust,
    versions = device.versions,
    own = device.own,
    current = device.current,
)
