// The labelling page: one key, and the next item is there. It talks to the server behind the person's back.
// Each part of the page is a module beside the others in label/; they talk by the bus in label/desk.js.

import { $ } from "./label/desk.js";
import * as choose from "./label/choose.js";
import * as line from "./label/line.js";
import * as stage from "./label/stage.js";
import * as suggest from "./label/suggest.js";
import { command } from "./label/keys.js";
import * as help from "./label/help.js";
import "./label/beside.js";
import "./label/pace.js";
import "./label/past.js";
import "./label/others.js";
import "./label/refused.js";

// Only where the policy has cards.
const card = $("together") ? await import("./label/card.js") : null;

command("undo", stage.undo);
command("skip", () => choose.openMenu("skip"));
command("flag", () => choose.openMenu("flag"));
command("send_flag", choose.flag);
command("cant_tell", () => $("cant-tell").click());
command("none", () => ($("none") ? $("none").click() : false));
command("guidelines", help.guidelines);
command("note", help.note);
command("suggestion", suggest.reveal);
command("together", () => (card ? card.toggle() : false));
command("help", () => $("help").click());
command("digit", choose.digit);
command("pick", choose.pick);
command("label", choose.label);
command("enter", choose.enter);
command("type", choose.type);
command("escape", choose.escape);

line.holds(() => [...new Set([...stage.held(), ...(card?.held() ?? [])])]);
stage.start();
line.start();
