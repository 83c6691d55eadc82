package chat.dunnock.presentation

import chat.dunnock.bridge.Damage
import chat.dunnock.bridge.Home
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update

/** What was saved: the file, and how many rows are in it. */
data class Saved(val file: String, val rows: Long)

/** What a person sees of an account whose database cannot be opened, and has done about it so far. */
data class BrokenState(
    val busy: Boolean = false,
    val saved: Saved? = null,
    /** They are asked whether it is to be wiped. */
    val removing: Boolean = false,
    val problem: Problem? = null,
)

/** An account whose database cannot be opened: what can be read is saved where [file] says, and it can be removed. */
class BrokenModel(
    private val home: Home,
    private val damage: Damage,
    private val scope: CoroutineScope,
    private val file: () -> String,
    private val gone: () -> Unit,
) {
    private val problems = Problems(home::explain)
    private val mutable = MutableStateFlow(BrokenState())

    /** What the screen shows. */
    val state: StateFlow<BrokenState> = mutable.asStateFlow()

    private fun failed(problem: Problem) = mutable.update { it.copy(busy = false, problem = problem) }

    /** Saves what can still be read. */
    fun save() = once {
        val file = file()
        val rows = home.export(damage, file)
        mutable.update { it.copy(busy = false, saved = Saved(file, rows)) }
    }

    /** Asks whether it is to be wiped, or no longer. */
    fun remove(asked: Boolean) = mutable.update { it.copy(removing = asked) }

    /** Wipes it. */
    fun removeNow() = once {
        home.remove(damage)
        gone()
    }

    private fun once(work: suspend () -> Unit) {
        if (mutable.value.busy) return
        mutable.update { it.copy(busy = true, removing = false, problem = null) }
        scope.attempt(problems, ::failed, work)
    }
}
