// The labelling page: one key, and the next item is there. It talks to the server behind the person's back.
// Each part of the page is a module beside the others in label/; they talk by the bus in label/desk.js.

import { $ } from "./label/desk.js";
import * as choose from "./label/choose.js";
import * as line from "./label/line.js";
import * as picture from "./label/picture.js";
import * as stage from "./label/stage.js";
import * as suggest from "./label/suggest.js";
import { command } from "./label/keys.js";
import "./label/beside.js";
import "./label/reading.js";

command("undo", stage.undo);
command("skip", () => choose.openMenu("skip"));
import "./label/others.js";
import "./label/refused.js";
command("flag", () => choose.openMenu("flag"));
command("send_flag", choose.flag);
command("cant_tell", () => $("cant-tell").click());
command("none", () => ($("none") ? $("none").click() : false));
command("guidelines", () => { const box = $("guidelines"); if (box) box.open = !box.open; });
command("suggestion", suggest.reveal);
for (const [name, act] of Object.entries(picture.acts)) command(name, () => act());
command("help", () => $("help").click());
command("digit", choose.digit);
command("enter", choose.enter);
command("type", choose.type);
command("escape", choose.escape);

line.holds(stage.held);
stage.start();
line.start();
