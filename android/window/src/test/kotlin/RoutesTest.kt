package chat.dunnock.window

import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.assertIsDisplayed
import androidx.compose.ui.test.hasContentDescription
import androidx.compose.ui.test.hasText
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.runDesktopComposeUiTest
import chat.dunnock.bridge.LinkState
import chat.dunnock.presentation.LinkLine
import chat.dunnock.presentation.RouteChoice
import chat.dunnock.presentation.TorStart
import chat.dunnock.presentation.Way
import chat.dunnock.ui.ChatsScreen
import chat.dunnock.ui.DunnockTheme
import chat.dunnock.ui.SignInScreen
import java.util.concurrent.TimeUnit
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Timeout

/** Ways to the server that lead nowhere, or do so for a while: what the screens say, and that no other way is taken. */
@Timeout(15, unit = TimeUnit.MINUTES)
class RoutesTest {
    @Test fun a_way_that_leads_nowhere_is_told_with_its_remedy_and_nothing_goes_around_it() {
        aWebServer().use { server ->
            aWebServer().use { web ->
                Proxy(NAME, server.port).use { proxy -> onPhone(house.server.copy(host = "127.0.0.1", port = "${server.port}")) { triesAll(server, web, proxy) } }
            }
        }
    }

    private fun Phone.triesAll(server: Door, web: Door, proxy: Proxy) {
        chooses("Proxy")
        writes("Proxy port", "1")
        signsIn(house.jid("nurse"), house.password)
        sees("The SOCKS5 proxy does not answer")
        sees("Start it (Orbot, for example)")
        holds("Address", house.jid("nurse"))

        writes("Proxy port", "${web.port}")
        taps("Sign in")
        sees("is not a SOCKS5 proxy")
        sees("Check the proxy’s host and port")

        chooses("Tor")
        taps("Sign in")
        sees("This build of the app has no Tor inside")
        sees("Start Orbot and choose “Proxy”")

        chooses("Proxy")
        writes("Proxy port", "${proxy.port}")
        opens("Server settings")
        writes("Server host", ONION)
        taps("Sign in")
        sees("No onion service answers at this address")
        sees("Check the address letter by letter")

        chooses("Direct")
        taps("Sign in")
        sees("An onion address is reached over Tor only")
        sees("Choose Tor, or a proxy that leads into Tor")
        assertEquals(0, server.visits, "somebody went around the way that was chosen")

        // That it would have been seen: straight to the same place.
        writes("Server host", "127.0.0.1")
        taps("Sign in")
        sees("What answers there is not an XMPP server")
        assertTrue(server.visits > 0)

        writes("Server port", house.server.port)
        taps("Sign in")
        sees("Nobody here yet")
    }

    @Test fun what_is_written_while_the_proxy_is_gone_waits_and_goes_once_it_is_back() {
        Proxy(NAME, house.server.port.toInt()).use { proxy ->
            // The name means something behind the proxy only: no other way could lead there.
            onPhone(house.server.copy(host = NAME)) {
                chooses("Proxy")
                writes("Proxy port", "${proxy.port}")
                signsIn(house.jid("juliet"), house.password)
                sees("Online through the proxy")
                addsPerson(romeo)
                says("Dost thou love me?")
                sees("Dost thou love me?", "Sent")

                proxy.breaks()
                sees("Connecting through the proxy…")
                says("O gentle Romeo!")
                sees("O gentle Romeo!", "Waiting")
                taps("Back")
                sees("is not a SOCKS5 proxy")

                // A person may choose another way. It is the one taken, also if it leads nowhere.
                goes("Tor")
                sees("This build of the app has no Tor inside")
                proxy.isMended()
                goes("Proxy") { writes("Proxy port", "${proxy.port}") }
                sees("Online through the proxy")
                taps(romeo)
                sees("O gentle Romeo!", "Sent")
            }
        }
    }

    private fun Phone.goes(way: String, how: Phone.() -> Unit = {}) {
        taps("More")
        taps("How to connect")
        chooses(way)
        how()
        taps("Connect like this")
    }

    @OptIn(ExperimentalTestApi::class)
    @Test fun how_far_the_start_of_tor_is_can_be_seen_and_why_it_gets_no_further() {
        val busy = signIn.copy(busy = true, torStart = TorStart(45, "clock"))
        runDesktopComposeUiTest(411, 860) {
            setContent { DunnockTheme(false, bundledFonts, afternoon) { SignInScreen(busy, {}, {}) } }
            onNodeWithText("Starting Tor: 45 %").assertIsDisplayed()
            onNodeWithText("The clock of this device seems to be wrong.").assertIsDisplayed()
        }
        val waiting = LinkLine(LinkState.CONNECTING, way = Way(RouteChoice.TOR), torStart = TorStart(80))
        runDesktopComposeUiTest(411, 860) {
            setContent { DunnockTheme(false, bundledFonts, afternoon) { ChatsScreen(chats.copy(link = waiting), noChats) } }
            onNode(hasText("Starting Tor: 80 %", substring = true)).assertIsDisplayed()
            onNode(hasContentDescription("Starting Tor: 80 %")).assertIsDisplayed()
        }
        runDesktopComposeUiTest(411, 860) {
            setContent { DunnockTheme(false, bundledFonts, afternoon) { ChatsScreen(chats.copy(link = LinkLine(LinkState.ONLINE, way = Way(RouteChoice.TOR))), noChats) } }
            onNode(hasText("Online over Tor", substring = true)).assertIsDisplayed()
        }
    }

    companion object {
        private const val NAME = "house.invalid"
        private val ONION = "${"a".repeat(55)}d.onion"
        private lateinit var house: TestServer
        private lateinit var romeo: String

        @BeforeAll @JvmStatic fun start() {
            house = TestServer("juliet", "nurse", "romeo")
            romeo = house.ask("peer", "user", "romeo", "version", "2").getValue("jid")
        }

        @AfterAll @JvmStatic fun end() = house.close()
    }
}
