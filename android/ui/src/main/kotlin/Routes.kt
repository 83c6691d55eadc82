package chat.dunnock.ui

import androidx.compose.animation.AnimatedVisibility
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.selection.selectable
import androidx.compose.foundation.selection.selectableGroup
import androidx.compose.material3.HorizontalDivider
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.RadioButton
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.Role
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.input.KeyboardType
import androidx.compose.ui.unit.dp
import chat.dunnock.presentation.RouteChoice
import chat.dunnock.presentation.TorStart
import chat.dunnock.presentation.Way

/** The ways to a server, one of them chosen; below the proxy is where it listens. */
@Composable
internal fun Routes(way: Way, enabled: Boolean, change: (Way) -> Unit) {
    Surface(Modifier.fillMaxWidth(), MaterialTheme.shapes.medium, MaterialTheme.colorScheme.surfaceContainer) {
        Column(Modifier.selectableGroup()) {
            for (choice in RouteChoice.entries) {
                if (choice != RouteChoice.entries.first()) HorizontalDivider(Modifier.padding(start = 60.dp), color = MaterialTheme.colorScheme.outlineVariant)
                Choice(Words.route(choice), Words.routeMeans(choice), way.choice == choice) { change(way.copy(choice = choice)) }
            }
            AnimatedVisibility(way.choice == RouteChoice.SOCKS) {
                Row(Modifier.padding(start = 16.dp, end = 16.dp, bottom = 14.dp), Arrangement.spacedBy(10.dp)) {
                    Box(Modifier.weight(2f)) {
                        Field(way.proxyHost, Words.SOCKS_HOST, enabled, KeyboardType.Uri) { change(way.copy(proxyHost = it)) }
                    }
                    Box(Modifier.weight(1.2f)) {
                        Field(way.proxyPort, Words.SOCKS_PORT, enabled, KeyboardType.Number) { change(way.copy(proxyPort = it)) }
                    }
                }
            }
        }
    }
}

@Composable
private fun Choice(name: String, meaning: String, chosen: Boolean, choose: () -> Unit) {
    Row(
        Modifier.fillMaxWidth().heightIn(min = 60.dp).selectable(chosen, role = Role.RadioButton, onClick = choose)
            .padding(horizontal = 18.dp, vertical = 8.dp),
        verticalAlignment = Alignment.CenterVertically,
    ) {
        RadioButton(chosen, onClick = null)
        Spacer(Modifier.width(18.dp))
        Column {
            Text(name, style = MaterialTheme.typography.bodyLarge)
            Text(meaning, color = MaterialTheme.colorScheme.onSurfaceVariant, style = MaterialTheme.typography.bodySmall)
        }
    }
}

/** How far Tor's start is, and why it gets no further; told to a screen reader only where it seems stuck. */
@Composable
internal fun TorBar(start: TorStart, modifier: Modifier = Modifier) {
    Column(modifier.fillMaxWidth()) {
        val label = Words.torStart(start)
        LinearProgressIndicator({ start.percent / 100f }, Modifier.fillMaxWidth().semantics { contentDescription = label })
        start.blocked?.let {
            val polite = Modifier.padding(top = 6.dp).semantics { liveRegion = LiveRegionMode.Polite }
            Text(Words.torBlocked(it), polite, MaterialTheme.colorScheme.onSurfaceVariant, style = MaterialTheme.typography.bodySmall)
        }
    }
}
