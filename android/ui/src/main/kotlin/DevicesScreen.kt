package chat.dunnock.ui

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.ExperimentalLayoutApi
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.Spacer
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.heightIn
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.size
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.LazyListScope
import androidx.compose.foundation.lazy.items
import androidx.compose.material3.ExperimentalMaterial3Api
import androidx.compose.material3.FilledTonalButton
import androidx.compose.material3.Icon
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.material3.TopAppBar
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.vector.ImageVector
import androidx.compose.ui.semantics.heading
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.style.TextDecoration
import androidx.compose.ui.unit.dp
import androidx.compose.ui.unit.sp
import chat.dunnock.bridge.Trust
import chat.dunnock.presentation.DeviceLine
import chat.dunnock.presentation.DevicesState

/** What a person can do about devices. */
interface DevicesActions {
    /** Back to where one came from. */
    fun back()

    /** The fingerprint matched, or the device is rejected. */
    fun decide(device: DeviceLine, verified: Boolean)

    /** What went wrong was read. */
    fun understood()
}

/** Whose device has which key, and what one thinks of it. */
@OptIn(ExperimentalMaterial3Api::class)
@Composable
fun DevicesScreen(state: DevicesState, act: DevicesActions) {
    Scaffold(
        topBar = {
            TopAppBar(
                navigationIcon = { PictureButton(Icons.Back, Words.BACK, act::back) },
                title = { Text(Words.DEVICES, Modifier.semantics { heading() }) },
            )
        },
    ) { inner ->
        LazyColumn(
            Modifier.fillMaxSize().padding(inner),
            contentPadding = PaddingValues(16.dp, 4.dp, 16.dp, 24.dp),
            verticalArrangement = Arrangement.spacedBy(12.dp),
        ) {
            state.problem?.let { item { ProblemCard(it, button = Words.UNDERSTOOD, onButton = act::understood) } }
            if (!state.alone) group(Words.devicesOf(state.name), Words.COMPARE, state.theirs, act)
            group(Words.YOUR_DEVICES, Words.YOURS_MEANS, state.ours, act)
        }
    }
}

private fun LazyListScope.group(title: String, meaning: String, devices: List<DeviceLine>?, act: DevicesActions) {
    item {
        Column(Modifier.padding(top = 8.dp, start = 4.dp, end = 4.dp)) {
            Text(title, Modifier.semantics { heading() }, style = MaterialTheme.typography.titleMedium)
            val text = if (devices?.isEmpty() == true) Words.NO_DEVICES else meaning
            Text(text, Modifier.padding(top = 4.dp), color = MaterialTheme.colorScheme.onSurfaceVariant, style = MaterialTheme.typography.bodyMedium)
        }
    }
    items(devices.orEmpty(), key = { "${it.own} ${it.id}" }) { Device(it, act) }
}

@Composable
private fun Device(device: DeviceLine, act: DevicesActions) {
    Surface(Modifier.fillMaxWidth(), MaterialTheme.shapes.large, MaterialTheme.colorScheme.surfaceContainer) {
        Column(Modifier.padding(start = 18.dp, end = 14.dp, top = 16.dp, bottom = if (device.open) 8.dp else 16.dp)) {
            Row(Modifier.semantics(mergeDescendants = true) { }) {
                Icon(Icons.Phone, null, Modifier.padding(top = 1.dp).size(24.dp), tint = MaterialTheme.colorScheme.onSurfaceVariant)
                Column(Modifier.padding(start = 12.dp)) {
                    Text(if (device.current) Words.THIS_DEVICE else Words.device(device.id), style = MaterialTheme.typography.titleMedium)
                    Below(device)
                }
            }
            Fingerprint(device)
            if (device.open) Decision(device, act)
        }
    }
}

@OptIn(ExperimentalLayoutApi::class)
@Composable
private fun Below(device: DeviceLine) {
    FlowRow(Modifier.padding(top = 2.dp), Arrangement.spacedBy(10.dp)) {
        if (!device.current) {
            val (icon, colour) = mark(device.trust)
            Row(verticalAlignment = Alignment.CenterVertically) {
                Icon(icon, null, Modifier.size(16.dp), tint = colour)
                Text(Words.trust(device.trust), Modifier.padding(start = 5.dp), color = colour, style = MaterialTheme.typography.labelMedium)
            }
        }
        Text(Words.versions(device.versions), color = MaterialTheme.colorScheme.onSurfaceVariant, style = MaterialTheme.typography.labelMedium)
    }
}

@Composable
private fun mark(trust: Trust): Pair<ImageVector, Color> = when (trust) {
    Trust.VERIFIED, Trust.VOUCHED -> Icons.Shield to LocalTints.current.good
    Trust.FIRST_USE -> Icons.Lock to MaterialTheme.colorScheme.onSurfaceVariant
    Trust.UNDECIDED -> Icons.Alert to LocalTints.current.warn
    Trust.DISTRUSTED -> Icons.Close to MaterialTheme.colorScheme.error
}

/** Eight groups of eight, as other apps show it; as many in a line as there is room for. */
@OptIn(ExperimentalLayoutApi::class)
@Composable
private fun Fingerprint(device: DeviceLine) {
    val colours = MaterialTheme.colorScheme
    if (device.fingerprint.isEmpty()) {
        Text(Words.NO_KEY, Modifier.padding(top = 12.dp), color = colours.onSurfaceVariant, style = MaterialTheme.typography.bodyMedium)
        return
    }
    val rejected = device.trust == Trust.DISTRUSTED
    val style = MaterialTheme.typography.bodyMedium.copy(
        fontFamily = LocalFonts.current.digits,
        fontSize = 15.sp,
        textDecoration = if (rejected) TextDecoration.LineThrough else null,
    )
    // Broken where the groups end, whatever the width; read out and copied as one.
    Text(device.fingerprint, Modifier.padding(top = 12.dp), if (rejected) colours.onSurfaceVariant else colours.onSurface, style = style, lineHeight = 24.sp)
}

@Composable
private fun Decision(device: DeviceLine, act: DevicesActions) {
    Row(Modifier.fillMaxWidth().padding(top = 8.dp), Arrangement.End, Alignment.CenterVertically) {
        if (device.trust != Trust.DISTRUSTED) {
            TextButton({ act.decide(device, false) }, Modifier.heightIn(min = TOUCH)) { Text(Words.REJECT, color = MaterialTheme.colorScheme.error) }
        }
        if (device.trust != Trust.VERIFIED) {
            Spacer(Modifier.width(8.dp))
            FilledTonalButton({ act.decide(device, true) }, Modifier.heightIn(min = TOUCH)) { Text(Words.MATCHES) }
        }
    }
}
