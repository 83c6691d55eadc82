package chat.dunnock.core

import java.io.File
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Test

/**
 * What the border costs, for `cargo xtask bench border`; by its name no test of the usual run. Writes a line for each
 * figure into the file that `DUNNOCK_BORDER` names: its name, and milliseconds.
 */
class BorderBench {
    private val rows = 200
    private val runs = 50
    private val chat = "romeo@verona.test"
    private val juliet = NewAccount("juliet@verona.test", "secret", null, null, Tls.AUTO, null, Route.Direct)

    @Test
    fun measure() = story {
        val out = File(checkNotNull(System.getenv("DUNNOCK_BORDER")) { "started by cargo xtask bench border" })
        withHome { client ->
            client.add(juliet).use { account ->
                repeat(rows) { account.send(chat, "$it: O, speak again, bright angel! for thou art as glorious to this night", null, null) }
                val call = measured { account.jid() }
                val snapshot = measured { check(account.timeline(chat, null, rows.toUInt()).size == rows) }
                val bubble = bubbles(account)
                val lines = listOf("call" to call, "snapshot" to snapshot, "bubble" to bubble)
                out.writeText(lines.joinToString("") { (name, runs) -> "$name ${runs.joinToString(" ")}\n" })
            }
        }
    }

    /** After as many runs again, in which the compiler warms up. */
    private suspend fun measured(work: suspend () -> Unit): List<Double> {
        repeat(runs * 4) { work() }
        return List(runs) { timed(work) }
    }

    private suspend fun timed(work: suspend () -> Unit): Double {
        val begun = System.nanoTime()
        work()
        return (System.nanoTime() - begun) / 1e6
    }

    /** From the tap, on one coroutine, to the window that holds its row, on another. */
    private suspend fun bubbles(account: Account): List<Double> = account.watchTimeline(chat, rows.toUInt()).use { window ->
        checkNotNull(window.next())
        val all = List(runs * 2) { number ->
            // Windows are at most 20 a second: a tap after a pause finds none under way.
            delay(60)
            timed {
                coroutineScope {
                    val drawn = async(Dispatchers.Default) { while (window.next()!!.first().text != "bubble $number") continue }
                    launch(Dispatchers.Default) { account.send(chat, "bubble $number", null, null) }
                    drawn.await()
                }
            }
        }
        window.end()
        all.drop(runs)
    }
}
