package chat.dunnock.core

import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** Ways that lead nowhere: each is named, no other is taken, and what was written waits. */
@Timeout(300)
class RoutesTest {
    private val onion = "${"a".repeat(55)}d.onion"

    /** A port of this machine that counts who comes, and hangs up after this answer. */
    private class Door(private val answer: (Socket) -> Unit = {}) : AutoCloseable {
        private val listening = ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))
        val visits = AtomicInteger()
        val port: UShort get() = listening.localPort.toUShort()

        init {
            thread(isDaemon = true) {
                runCatching {
                    while (true) listening.accept().use { visitor ->
                        visits.incrementAndGet()
                        runCatching { answer(visitor) }
                    }
                }
            }
        }

        override fun close() = listening.close()
    }

    private fun socks(port: UShort) = Route.Socks5("127.0.0.1", port)

    @Test
    fun `a route that leads nowhere is named, nothing goes around it, and what was written waits`() = story {
        Door().use { server ->
            Door { it.getOutputStream().write("HTTP/1.1 400 Bad Request\r\n\r\n".toByteArray()) }.use { web ->
                withHome { client ->
                    val new = NewAccount("juliet@verona.test", "secret", "127.0.0.1", server.port, Tls.DIRECT, null, socks(1u))
                    client.add(new).use { account ->
                        account.send("romeo@verona.test", "Parting is such sweet sorrow", null, null)
                        account.connect()
                        assertEquals(ErrorKind.PROXY_UNREACHABLE, account.fails())
                        account.goes(socks(web.port))
                        assertEquals(ErrorKind.NOT_SOCKS, account.fails { it != ErrorKind.PROXY_UNREACHABLE })
                        account.goes(Route.Tor)
                        assertEquals(ErrorKind.NO_TOR, account.fails { it != ErrorKind.NOT_SOCKS })
                        assertEquals(State.REFUSED, account.connection().state)
                        assertEquals(TorState.OFF, client.watchTor().use { it.next()!!.state })
                        account.update(AccountUpdate(onion, null, null, Route.Direct, null))
                        account.connect()
                        assertEquals(ErrorKind.ONION_NEEDS_TOR, account.fails { it != ErrorKind.NO_TOR })
                        assertEquals(0, server.visits.get(), "somebody went around the way that was chosen")
                        // That it would have been seen: straight to the same place.
                        account.update(AccountUpdate("127.0.0.1", null, null, null, null))
                        account.connect()
                        account.fails { it != ErrorKind.ONION_NEEDS_TOR }
                        assertTrue(server.visits.get() > 0)
                        assertEquals(Delivery.WAITING, account.timeline("romeo@verona.test", null, 10u).single().state)
                    }
                }
            }
        }
    }

    @Test
    fun `the route of an account is kept`() = story {
        withHome { client ->
            client.add(NewAccount("juliet@verona.test", "secret", null, null, Tls.AUTO, null, Route.Tor)).use { account ->
                for (route in listOf(Route.Tor, socks(9050u), Route.Direct)) {
                    account.setRoute(route)
                    assertEquals(route, account.route())
                    client.account(account.jid()).use { assertEquals(route, it.route()) }
                }
            }
        }
    }

    private suspend fun Account.goes(route: Route) {
        setRoute(route)
        connect()
    }

    /** Why there is no connection. */
    private suspend fun Account.fails(fits: (ErrorKind) -> Boolean = { true }): ErrorKind =
        errorKind(waitFor { link -> link.error?.let { fits(errorKind(it)!!) } == true }.error!!)!!
}
