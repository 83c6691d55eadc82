package chat.dunnock.presentation

import chat.dunnock.bridge.Explanation
import chat.dunnock.bridge.Trouble
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.launch

/** Something that a person has to know: its stable kind, what it is about, and the core's own words for it. */
data class Problem(val kind: String, val subject: String, val cause: String, val remedy: String)

/** Makes problems of codes and exceptions. */
internal class Problems(private val explain: (String) -> Explanation?) {
    fun of(kind: String, subject: String = ""): Problem = known(kind, subject) ?: Problem(kind, shownName(subject), "", "")

    /** Null for codes that are no kinds of failure: why a message waits is told by such codes too. */
    fun known(kind: String, subject: String = ""): Problem? =
        explain(kind)?.let { Problem(kind, shownName(subject), it.cause, it.remedy) }

    fun of(trouble: Trouble): Problem = of(trouble.kind, trouble.subject)
}

/** Does it, and hands over what went wrong. */
internal fun CoroutineScope.attempt(problems: Problems, failed: (Problem) -> Unit, work: suspend () -> Unit) {
    launch {
        try {
            work()
        } catch (trouble: Trouble) {
            failed(problems.of(trouble))
        }
    }
}

/** Follows snapshots until the scope or the home ends, and hands over what went wrong. */
internal fun <T> CoroutineScope.follow(flow: Flow<T>, problems: Problems, failed: (Problem) -> Unit, seen: suspend (T) -> Unit) {
    launch {
        flow.catch { cause -> if (cause is Trouble) failed(problems.of(cause)) else throw cause }.collect { seen(it) }
    }
}
