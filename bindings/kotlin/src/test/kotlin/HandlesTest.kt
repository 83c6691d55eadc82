package chat.dunnock.core

import com.sun.jna.NativeLibrary
import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** What handles do when they are cancelled, ended, closed or hit by a panic; without a server. */
@Timeout(120)
class HandlesTest {
    private val juliet = NewAccount("juliet@verona.test", "secret", "127.0.0.1", 1u, Tls.DIRECT, null, Route.Direct)
    private val romeo = "romeo@verona.test"

    private fun offline(work: suspend (Client, Account) -> Unit) = runBlocking {
        withHome { client -> client.add(juliet).use { work(client, it) } }
    }

    private suspend fun kindOf(call: suspend () -> Any?) = assertFailsWith<DunnockException.Failed> { call() }.kind

    @Test
    fun `a cancelled next loses nothing`() = offline { _, account ->
        account.watchTimeline(romeo, 10u).use { query ->
            assertEquals(emptyList(), query.next())
            runBlocking {
                // Starts undispatched: it waits inside of the engine when `launch` returns.
                val waiting = launch(start = CoroutineStart.UNDISPATCHED) { query.next() }
                assertTrue(waiting.isActive)
                waiting.cancelAndJoin()
            }
            account.send(romeo, "first", null, null)
            assertEquals("first", query.next()!!.single().text)
        }
    }

    @Test
    fun `end wakes who waits`() = offline { _, account ->
        account.watchChats().use { query ->
            assertEquals(emptyList(), query.next())
            runBlocking {
                val waiting = async(start = CoroutineStart.UNDISPATCHED) { query.next() }
                query.end()
                assertNull(waiting.await())
                assertNull(query.next())
            }
        }
    }

    @Test
    fun `the end of a client wakes who waits and everything answers that it ended`() = offline { client, account ->
        val query = account.watchConnection()
        val events = account.events()
        assertNotNull(query.next())
        runBlocking {
            val waiting = async(start = CoroutineStart.UNDISPATCHED) { query.next() }
            val listening = async(start = CoroutineStart.UNDISPATCHED) { events.next() }
            client.end()
            assertNull(waiting.await())
            assertNull(listening.await())
        }
        assertEquals(ErrorKind.ENDED, kindOf { client.accounts() })
        assertEquals(ErrorKind.ENDED, kindOf { client.add(juliet) })
        assertEquals(ErrorKind.ENDED, kindOf { account.send(romeo, "late", null, null) })
        assertEquals(ErrorKind.ENDED, kindOf { account.chats() })
        assertEquals(ErrorKind.ENDED, kindOf { account.watchChats().next() })
        assertEquals(juliet.jid, account.jid())
        client.end()
    }

    @Test
    fun `a closed handle says so and does not take the others along`() = offline { client, account ->
        val query = account.watchChats()
        query.close()
        query.close()
        assertFailsWith<IllegalStateException> { query.next() }
        account.close()
        assertFailsWith<IllegalStateException> { account.chats() }
        assertFailsWith<IllegalStateException> { account.jid() }
        client.account(juliet.jid).use { assertEquals(emptyList(), it.chats()) }
    }

    @Test
    fun `a sync without time answers what is here and one for an unknown account says so`() = offline { client, account ->
        assertEquals(SyncReport(caughtUp = false, notifications = emptyList(), alarms = 0u), client.backgroundSyncOf(account.jid(), 0u))
        assertEquals(ErrorKind.NO_ACCOUNT, kindOf { client.backgroundSyncOf(romeo, 0u) })
        assertEquals(ErrorKind.NO_ACCOUNT, kindOf { client.accountOfPush("no such node") })
        client.notified()
        assertEquals(PushState.OFF, account.push().state)
        assertEquals(PushState.OFF, account.watchPush().use { it.next()!!.state })
    }

    @Test
    fun `a cancelled sync lets go and the next one is not in its way`() = offline { client, account ->
        // Nobody answers at its port, so it goes on trying.
        account.connect()
        runBlocking {
            val sync = launch(start = CoroutineStart.UNDISPATCHED) { client.backgroundSync(3_600_000u) }
            assertTrue(sync.isActive)
            sync.cancelAndJoin()
        }
        assertEquals(emptyList(), client.backgroundSync(0u).notifications)
    }

    @Test
    fun `a home ends under load and keeps what it answered for`() = withFolder { folder ->
        val home = File(folder, "home").path
        val kept = mutableSetOf<String>()
        runBlocking {
            repeat(5) { round ->
                val client = openClient(home, KEY)
                val account = if (round == 0) client.add(juliet) else client.account(juliet.jid)
                val queries = List(8) { account.watchTimeline(romeo, 200u) }
                val watching = queries.map { query ->
                    launch(Dispatchers.Default) { untilEnd { assertNotNull(query.next()) } }
                }
                val reading = List(4) {
                    launch(Dispatchers.Default) { untilEnd { account.timeline(romeo, null, 200u) } }
                }
                val sending = List(4) { number ->
                    async(Dispatchers.Default) {
                        buildList {
                            var count = 0
                            untilEnd { add(account.send(romeo, "$round/$number/${count++}", null, null).message) }
                        }
                    }
                }
                // Load: each of them has seen something happen.
                account.watchTimeline(romeo, 200u).use { query -> while (query.next()!!.size < 10 * (round + 1)) continue }
                val ends = List(3) { launch(Dispatchers.Default) { client.end() } }
                launch(Dispatchers.Default) { queries.forEach { it.close() } }
                withTimeout(PATIENCE) {
                    (watching + reading + ends).forEach { it.join() }
                    sending.forEach { kept += it.await() }
                }
                account.close()
                client.close()
            }
            openClient(home, KEY).use { client ->
                val stored = mutableSetOf<String>()
                client.account(juliet.jid).use { account ->
                    var before: String? = null
                    while (true) {
                        val rows = account.timeline(romeo, before, 200u).map { it.message }
                        stored += rows
                        before = rows.lastOrNull() ?: break
                    }
                }
                assertTrue(kept.size >= 50, "only ${kept.size} messages: this was no load")
                assertEquals(emptySet(), kept - stored)
                client.end()
            }
        }
    }

    /** Repeats until the handle ended, was closed, or gives null; anything else is a failure. */
    private suspend fun untilEnd(work: suspend () -> Unit) {
        try {
            while (true) work()
        } catch (error: DunnockException.Failed) {
            assertEquals(ErrorKind.ENDED, error.kind)
        } catch (_: IllegalStateException) {
            // Closed.
        } catch (_: AssertionError) {
            // Null: ended.
        }
    }

    @Test
    fun `a panic in the engine is an error and the engine lives on`() = offline { client, account ->
        val query = account.watchChats()
        assertNotNull(query.next())
        val calls = listOf<suspend () -> Any?>(
            { account.send(romeo, "hello", null, null) },
            { account.chats() },
            { client.accounts() },
            { query.next() },
            { openClient("/nonexistent/home", KEY) },
        )
        for (call in calls) {
            panicNext()
            val error = assertFailsWith<DunnockException.Failed> { call() }
            assertEquals(ErrorKind.CRASHED, error.kind)
            assertEquals(errorRemedy(ErrorKind.CRASHED), error.remedy)
        }
        // Opening a window cannot fail, so it does at the first `next`.
        panicNext()
        val crashed = account.watchChats()
        assertEquals(ErrorKind.CRASHED, kindOf { crashed.next() })

        account.send(romeo, "still here", null, null)
        assertEquals("still here", query.next()!!.single().last!!.text)
    }

    /** The next call panics inside: a function of builds for tests only (`test-panics`). */
    private fun panicNext() = NativeLibrary.getInstance("dunnock_ffi").getFunction("dunnock_test_panic_next").invokeVoid(arrayOf())
}
