package chat.dunnock.presentation

import chat.dunnock.bridge.Link
import chat.dunnock.bridge.LinkState
import chat.dunnock.bridge.Route
import chat.dunnock.bridge.TorState

/** The ways to the server that a person can choose from. */
enum class RouteChoice { DIRECT, TOR, SOCKS }

/** A way as a person fills it in: the choice, and where the proxy is if it is that one. */
data class Way(
    val choice: RouteChoice = RouteChoice.DIRECT,
    val proxyHost: String = "127.0.0.1",
    val proxyPort: String = "9050",
) {
    /** Whether enough is filled in. */
    val ready: Boolean get() = choice != RouteChoice.SOCKS || (proxyHost.isNotBlank() && port(proxyPort) != null)

    /** The same for the core. */
    internal fun route(): Route = when (choice) {
        RouteChoice.DIRECT -> Route.Direct
        RouteChoice.TOR -> Route.Tor
        RouteChoice.SOCKS -> Route.Socks(proxyHost.trim(), port(proxyPort) ?: 0)
    }
}

/** What a person would have filled in for this route. */
internal fun way(route: Route): Way = when (route) {
    Route.Direct -> Way()
    Route.Tor -> Way(RouteChoice.TOR)
    is Route.Socks -> Way(RouteChoice.SOCKS, route.host, "${route.port}")
}

/** Tor finds its way into its network: how far it is, 0 to 100, and the code of why it gets no further. */
data class TorStart(val percent: Int, val blocked: String? = null)

/** How the connection stands, what went wrong with it, by which way it goes, and Tor's start while that is waited for. */
data class LinkLine(
    val state: LinkState = LinkState.OFFLINE,
    val problem: Problem? = null,
    val way: Way = Way(),
    val torStart: TorStart? = null,
)

internal fun Problems.line(link: Link): LinkLine = LinkLine(link.state, link.error?.let { of(it) }, way(link.route), torStart(link))

/** Null unless somebody waits for it. */
internal fun torStart(link: Link): TorStart? =
    link.tor?.takeIf { it.state == TorState.STARTING && link.state == LinkState.CONNECTING }?.let { TorStart(it.percent, it.blocked) }

internal fun port(text: String): Int? = text.trim().toIntOrNull()?.takeIf { it in 1..65535 }
