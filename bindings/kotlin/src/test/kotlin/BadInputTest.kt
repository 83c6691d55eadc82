package chat.dunnock.core

import java.io.File
import java.io.RandomAccessFile
import java.util.concurrent.TimeUnit
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** What is wrong gets a clear answer, and nothing is lost by it. */
@Timeout(300)
class BadInputTest {
    private suspend fun kindOf(call: suspend () -> Any?) = assertFailsWith<DunnockException.Failed> { call() }.kind

    @Test
    fun `a wrong password is tried once and refused with its remedy`() = story {
        withHome { client ->
            val account = client.add(server.account("juliet", password = "wrong"))
            account.connect()
            val refused = account.waitFor { it.state == State.REFUSED }
            assertEquals(ErrorKind.WRONG_PASSWORD, errorKind(refused.error!!))
            // The right one is taken.
            account.update(AccountUpdate(null, null, null, null, server.password))
            account.connect()
            account.waitFor { it.state == State.ONLINE }
            account.close()
        }
    }

    @Test
    fun `a home that another process has opened is shared and the other sends through its connection`() = withFolder { folder ->
        val home = File(folder, "home").path
        runBlocking {
            openClient(home, KEY).use { client ->
                val account = client.add(server.account("mercutio"))
                account.connect()
                account.waitFor { it.state == State.ONLINE && it.caughtUp }
                account.allowPlain(server.jid("juliet"), true)

                val java = File(System.getProperty("java.home"), "bin/java").path
                val library = "-Djna.library.path=" + System.getProperty("jna.library.path")
                val command = listOf(java, library, "-cp", System.getProperty("java.class.path"), "chat.dunnock.core.OtherProcessKt")
                val other = ProcessBuilder(command + listOf(home, account.jid(), server.jid("juliet"), "ask for me tomorrow"))
                    .redirectErrorStream(true).start()
                val told = other.inputStream.bufferedReader().readText()
                assertTrue(other.waitFor(PATIENCE, TimeUnit.MILLISECONDS))
                assertEquals(0, other.exitValue(), told)

                val row = account.row(server.jid("juliet"), "the other's message") { it.text == "ask for me tomorrow" }
                assertTrue(row.own)
                assertEquals(State.ONLINE, account.connection().state)
                account.close()
                client.end()
            }
        }
    }

    @Test
    fun `a message of a megabyte is refused and the next one goes`() = story {
        withPerson(server, "benvolio") { account ->
            val romeo = server.jid("romeo")
            account.allowPlain(romeo, true)
            assertEquals(ErrorKind.TOO_LARGE, kindOf { account.send(romeo, "x".repeat(1 shl 20), null, null) })
            val sent = account.says(romeo, "in short", Delivery.SENT)
            assertEquals(Delivery.SENT, sent.state)
            assertEquals(1, account.timeline(romeo, null, 10u).size)
        }
    }

    @Test
    fun `names cross as they were given, also those that turn text around`() = story {
        withHome { client ->
            val account = client.add(server.account("escalus"))
            val names = listOf("\u202Egnp.exe", "\uD83D\uDC26 dunnock", "e\u0301", "")
            for (name in names) {
                account.contact(server.jid("juliet"), ContactChange.Name(name))
                assertEquals(name.ifEmpty { null }, account.contacts().find { it.jid == server.jid("juliet") }?.name)
            }
            account.close()
        }
    }

    @Test
    fun `half a character is no text and no crash`() = story {
        withHome { client ->
            val account = client.add(server.account("escalus"))
            assertFailsWith<Exception> { account.contact(server.jid("juliet"), ContactChange.Name("\uD83D")) }
            assertEquals(emptyList(), account.contacts())
            account.close()
        }
    }

    @Test
    fun `a wrong key, a short key and a missing password are refused by name`() = withFolder { folder ->
        val home = File(folder, "home").path
        runBlocking {
            openClient(home, KEY).use { client ->
                assertEquals(ErrorKind.INVALID_INPUT, kindOf { client.add(server.account("juliet", password = null)) })
                assertEquals(ErrorKind.INVALID_JID, kindOf { client.add(server.account("juliet").copy(jid = "verona.test")) })
                assertEquals(ErrorKind.NO_ACCOUNT, kindOf { client.account("juliet@verona.test") })
                client.add(server.account("juliet")).close()
                assertEquals(ErrorKind.ACCOUNT_EXISTS, kindOf { client.register(server.account("juliet")) })
                client.end()
            }
            assertEquals(ErrorKind.INVALID_INPUT, kindOf { openClient(home, KEY.copyOf(31)) })
            assertEquals(ErrorKind.WRONG_KEY, kindOf { openClient(home, ByteArray(32)) })
            openClient(home, KEY).use { client ->
                assertContentEquals(listOf("juliet@verona.test"), client.accounts().map { account -> account.use { it.jid() } })
                client.end()
            }
        }
    }

    @Test
    fun `an app server that lies or hangs is named, nothing is enabled, and the account can go`() = story {
        withHome { client ->
            val account = client.add(server.account("escalus"))
            account.connect()
            account.waitFor { it.state == State.ONLINE && it.caughtUp }
            for ((manner, kind) in listOf("other_jid" to ErrorKind.PUSH_ANSWER, "silent" to ErrorKind.PUSH_SILENT)) {
                val jid = server.ask("app_server", "manner", manner).getValue("jid")
                account.enablePush(PushService(jid, Platform.FCM, "a-token", "a-phone"))
                val push = account.waitForPush { it.error != null }
                assertEquals(kind, errorKind(push.error!!))
                assertTrue(push.state != PushState.ENABLED)
                account.disablePush()
            }
            client.remove(account.jid())
            assertEquals(emptyList(), client.accounts())
            account.close()
        }
    }

    @Test
    fun `a damaged account is listed, saved as far as it can be read, and removed, beside one that goes on`() = withFolder { folder ->
        val home = File(folder, "home").path
        runBlocking {
            val texts = List(20) { "Give me my sin again ($it)" }
            openClient(home, KEY).use { client ->
                client.add(server.account("juliet")).use { account ->
                    texts.forEach { account.send(server.jid("romeo"), it, null, null) }
                    val all = File(folder, "all.jsonl")
                    val rows = account.export(all.path)
                    assertEquals(rows, all.readLines().size.toULong())
                    assertTrue(texts.all { it in all.readText() })
                    assertEquals(ErrorKind.FILE, kindOf { account.export(all.path) })
                }
                client.end()
            }
            val broken = File(home, "accounts").listFiles()!!.single()
            // All of the first page but the salt before it.
            RandomAccessFile(File(broken, "store.db"), "rw").use { it.seek(100); it.write(ByteArray(3996)) }
            openClient(home, KEY).use { client ->
                client.add(server.account("mercutio")).close()
                val damage = client.damaged().single()
                assertEquals(DamagedAccount(broken.name, ErrorKind.DAMAGED_STORE), damage)
                val saved = File(folder, "saved.jsonl")
                assertTrue(client.exportDamaged(damage.folder, saved.path) > 0uL)
                assertTrue(texts.all { it in saved.readText() }, "one page is lost, and no message was on it")
                assertEquals(ErrorKind.NO_ACCOUNT, kindOf { client.exportDamaged("0f", File(folder, "none").path) })
                assertEquals(false, File(folder, "none").exists())
                client.removeDamaged(damage.folder)
                assertEquals(emptyList(), client.damaged())
                assertEquals(false, broken.exists())
                assertEquals(listOf(server.jid("mercutio")), client.accounts().map { account -> account.use { it.jid() } })
                client.end()
            }
        }
    }

    @Test
    fun `every kind has a code, a cause and a remedy`() {
        for (kind in ErrorKind.entries) {
            assertEquals(kind, errorKind(errorCode(kind)))
            assertTrue(errorCause(kind).isNotBlank() && errorRemedy(kind).isNotBlank())
        }
        assertEquals(null, errorKind("no such code"))
        for (text in listOf("direct", "tor", "socks5://127.0.0.1:9050")) assertEquals(text, routeText(parseRoute(text)))
        assertFailsWith<DunnockException.Failed> { parseRoute("telnet") }
    }

    companion object {
        private val server = TestServer("juliet", "mercutio", "benvolio", "romeo", "escalus")

        @JvmStatic
        @AfterAll
        fun end() = server.close()
    }
}
