package chat.dunnock.window

import androidx.compose.ui.test.hasText
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import java.util.concurrent.TimeUnit

/** What people do, on the real screens over the real core and a real Prosody; Romeo is another program. */
@Timeout(10, unit = TimeUnit.MINUTES)
class StoriesTest {
    @Test fun two_people_find_each_other_and_talk_sealed() = onPhone(house.server) {
        signsIn(house.jid("juliet"), house.password)
        sees("Nobody here yet")
        addsPerson(romeo)
        says("wherefore art thou Romeo?")
        house.ask("sees", "user", "romeo", "body", "wherefore art thou Romeo?")
        sees("wherefore art thou Romeo?", "Sent")
        house.ask("says", "user", "romeo", "to", house.jid("juliet"), "body", "I take thee at thy word.")
        sees("I take thee at thy word.")
        sees("End-to-end encrypted")
        check(house.ask("never_sent", "text", "wherefore art thou")["held"] == "true") { "it went in clear" }
    }

    companion object {
        private lateinit var house: TestServer
        private lateinit var romeo: String

        @BeforeAll @JvmStatic fun start() {
            house = TestServer("juliet", "romeo", "nurse")
            romeo = house.ask("peer", "user", "romeo", "version", "2").getValue("jid")
        }

        @AfterAll @JvmStatic fun end() = house.close()
    }
}
