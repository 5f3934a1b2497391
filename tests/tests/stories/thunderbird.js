// What a person does in Thunderbird, one function an act. Each waits for what the program shows or knows, and ends when it is there.

const until = async found => {
  for (;;) {
    const it = await found();
    if (it) return it;
    await new Promise(again => window.setTimeout(again, 20));
  }
};
const type = (field, text) => {
  field.focus();
  field.value = text;
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
};
const hub = () => document.querySelector("account-hub-container")?.modal?.querySelector("account-hub-email");
const pane = () => document.getElementById("tabmail").currentAbout3Pane;
const account = () => MailServices.accounts.accounts.find(account => account.incomingServer.type == "imap");
const root = () => account().incomingServer.rootFolder;
const inbox = () => root().getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
const listed = view => Array.from({ length: view?.rowCount ?? 0 }, (_, row) => view.getMsgHdrAt(row).mime2DecodedSubject);
const subjects = () => listed(pane().gDBView);

// Gives a command when it can be given: a press before that would do nothing.
const command = async (controller, name, ...given) => {
  await until(() => controller.isCommandEnabled(name));
  controller.doCommand(name, ...given);
};

// The page that a new profile begins with: name and address, and it finds out the rest.
async function giveAddress(name, address) {
  const form = await until(hub);
  await form.ready;
  const next = form.querySelector("account-hub-footer #forward");
  type(form.querySelector("#realName"), name);
  type(form.querySelector("#email"), address);
  await until(() => !next.disabled);
  next.click();
  const found = form.querySelector("#emailConfigFoundSubview");
  await until(() => !found.hidden && found.querySelector("#incomingPort")?.textContent);
  const shown = part => found.querySelector(part).textContent;
  return [shown("#incomingType"), shown("#incomingHost"), shown("#incomingPort"), shown("#outgoingHost"), shown("#outgoingPort")];
}

// Takes what was found and gives the password; it signs in before it says yes.
async function givePassword(password) {
  const form = hub();
  const next = form.querySelector("account-hub-footer #forward");
  const ask = form.querySelector("#emailPasswordSubview");
  next.click();
  const field = await until(() => !ask.hidden && ask.querySelector("#password"));
  type(field, password);
  await until(() => !next.disabled);
  next.click();
  const done = form.querySelector("#emailAddedSuccessSubview");
  const refused = () => ask.querySelector("account-hub-header")?.shadowRoot?.querySelector(".error")?.textContent.trim();
  await until(() => !done.hidden || refused());
  if (done.hidden) throw new Error(refused());
  await until(() => !next.disabled);
  next.click();
  await until(() => !document.querySelector("account-hub-container").modal.open);
  const { incomingServer } = account();
  const smtp = MailServices.outgoingServer.defaultServer.serverURI.asciiHostPort;
  return [incomingServer.hostname, incomingServer.port, incomingServer.socketType == Ci.nsMsgSocketType.SSL, smtp];
}

async function openInbox(count) {
  pane().displayFolder(inbox().URI);
  await until(() => pane().gFolder == inbox() && subjects().length == count);
  return subjects();
}

// Chooses a letter in the list and reads it.
async function read(subject, words) {
  pane().threadTree.selectedIndex = await until(() => subjects().indexOf(subject) + 1) - 1;
  const shown = pane().messageBrowser.contentWindow;
  const text = await until(() => {
    const text = shown.getMessagePaneBrowser?.()?.contentDocument?.body?.textContent;
    return text?.includes(words) && text;
  });
  await until(() => shown.document.getElementById("expandedsubjectBox").textContent.includes(subject));
  return text.trim();
}

async function saveAttachment(place) {
  const shown = pane().messageBrowser.contentWindow;
  const [attachment] = await until(() => shown.currentAttachments?.length && shown.currentAttachments);
  await attachment.saveToFile(place);
  return [attachment.name, attachment.contentType];
}

async function starAndTag() {
  await command(pane().commandController, "cmd_markAsFlagged");
  await command(pane().commandController, "cmd_tag1");
}

// The window of a new letter, once it can be written in.
function letterOpens() {
  return new Promise(ready => {
    const observer = (opening, topic) => {
      if (topic != "domwindowopened") return;
      // Other windows open too, and are not waited for.
      opening.addEventListener("compose-editor-ready", () => {
        Services.ww.unregisterNotification(observer);
        ready(opening);
      }, { once: true });
    };
    Services.ww.registerNotification(observer);
  });
}

async function reply(words) {
  const opens = letterOpens();
  let letter = null;
  // A press at a moment when the letter is still being shown is lost: whoever sees no window presses again.
  while (!letter) {
    await command(pane().messageBrowser.contentWindow.commandController, "cmd_reply");
    letter = await Promise.race([opens, new Promise(late => window.setTimeout(late, 15000, null))]);
  }
  letter.GetCurrentEditor().beginningOfDocument();
  letter.GetCurrentEditor().insertText(words);
  await command(letter.defaultController, "cmd_sendNow");
  // The window closes when the letter is away and its copy lies in the folder for sent mail.
  await until(() => letter.closed);
}

async function makeFolder(name) {
  root().createSubfolder(name, window.msgWindow);
  await until(() => root().subFolders.some(folder => folder.name == name));
}

async function moveTo(name) {
  const before = subjects().length;
  const folder = root().subFolders.find(folder => folder.name == name);
  await command(pane().commandController, "cmd_moveMessage", folder);
  await until(() => subjects().length == before - 1);
  return subjects();
}

async function remove() {
  const before = subjects().length;
  await command(pane().commandController, "cmd_deleteMessage");
  await until(() => subjects().length == before - 1);
  return subjects();
}

// The bar above the list.
async function quickFilter(words) {
  const before = subjects().length;
  if (!pane().quickFilterBar.filterer.visible) pane().goDoCommand("cmd_showQuickFilterBar");
  type(pane().document.getElementById("qfb-qs-textbox").shadowRoot.querySelector("input"), words);
  await until(() => subjects().length && subjects().length < before);
  return subjects();
}

async function endQuickFilter(count) {
  pane().goDoCommand("cmd_resetQuickFilterBar");
  await until(() => subjects().length == count);
}

// The dialog "Search Messages", told to let the server search in the texts.
async function searchOnServer(words) {
  document.getElementById("searchMailCmd").doCommand();
  const dialog = await until(() => Services.wm.getMostRecentWindow("mailnews:search"));
  const part = name => dialog.document.getElementById(name);
  const term = await until(() => dialog.document.readyState == "complete" && part("searchVal0")?.querySelector("input"));
  if (!part("checkSearchOnline").checked) part("checkSearchOnline").click();
  part("searchAttr0").value = String(Ci.nsMsgSearchAttrib.Body);
  term.value = words;
  part("search-button").click();
  const found = await until(() => {
    const found = listed(dialog.gFolderDisplay.view.dbView);
    return found.length && found;
  });
  dialog.close();
  return found;
}

// Nothing is pressed: the program is told.
async function hearOf(subject) {
  await until(() => subjects().includes(subject));
}
