/** Every word of the page, in English and Chinese side by side. */

export const strings = {
  "cancel": ["Cancel", "取消"],
  "close": ["Close", "关闭"],
  "language": ["中文", "English"],
  "language.label": ["Switch to Chinese", "切换到英文"],
  "nav": ["Views", "页面"],
  "nav.chat": ["Ask", "提问"],
  "nav.documents": ["Documents", "文档"],
  "loading": ["Loading…", "正在加载…"],
  "more": ["Show more", "显示更多"],
  "retry": ["Try again", "重试"],

  "login.lead": ["Answers from your own documents, each sentence with its source.", "答案只来自您自己的文档，每句话都注明出处。"],
  "login.key": ["Access key", "访问密钥"],
  "login.hint": ["The first start printed a link that logs you in. The key also stands in the file admin.key in the data folder.", "首次启动时已打印一个登录链接。密钥也保存在数据目录的 admin.key 文件中。"],
  "login.submit": ["Log in", "登录"],
  "login.wrong": ["This key is not known here, or it was revoked.", "此密钥无效或已被撤销。"],
  "login.ended": ["Your session has ended. Please log in again.", "会话已结束，请重新登录。"],
  "login.link": ["This login link was used before or has expired. Please log in with a key.", "此登录链接已被使用或已过期，请用密钥登录。"],
  "logout": ["Log out", "退出登录"],

  "chat.title": ["Ask your documents", "向您的文档提问"],
  "chat.lead": ["Every answer comes from your documents alone and shows where each sentence stands. When they do not tell, Openbook says so.", "每个答案都只来自您的文档，并标明每句话的出处。文档中没有答案时，Openbook 会如实说明。"],
  "chat.empty": ["There are no documents yet.", "还没有文档。"],
  "chat.add": ["Add documents", "添加文档"],
  "chat.ask-admin": ["Ask an administrator to add some.", "请联系管理员添加文档。"],
  "chat.being-read": ["Some documents are still being read; answers may lack them.", "部分文档仍在读取中，回答可能尚未包含其内容。"],
  "chat.question": ["Your question", "您的问题"],
  "chat.placeholder": ["Ask a question…", "输入问题…"],
  "chat.send": ["Ask", "提问"],
  "chat.stop": ["Stop", "停止"],
  "chat.stopped": ["Stopped.", "已停止。"],
  "chat.reading": ["Reading the documents…", "正在查阅文档…"],
  "chat.writing": ["Writing from {count} passages…", "正在根据 {count} 个段落作答…"],
  "chat.collection": ["Collection to ask", "提问范围"],
  "chat.everywhere": ["All collections", "所有文档集"],
  "chat.messages": ["Questions and answers", "问题与回答"],
  "answer": ["Answer", "回答"],
  "answer.sources": ["Sources", "出处"],
  "answer.cite": ["Source {label}: {title}", "出处 {label}：{title}"],
  "answer.page": ["page {page}", "第 {page} 页"],
  "answer.weak": ["Only weakly supported by the sources", "出处对这句话的支持较弱"],
  "answer.weak-legend": ["Faded, dotted sentences are only weakly supported by the sources: check them.", "颜色较浅并带虚线的句子缺少有力出处，请自行核对。"],
  "answer.abstained": ["The documents do not tell", "文档中没有答案"],
  "answer.nearest": ["The nearest passages", "最接近的段落"],
  "answer.extractive": ["In the documents’ own words", "摘自文档原文"],
  "answer.generated": ["Written by {generator}", "由 {generator} 撰写"],
  "answer.seconds": ["{seconds} s", "{seconds} 秒"],
  "answer.degraded": ["Made with less than usual: {parts}.", "本次回答有所简化：{parts}。"],

  "degraded.generator": ["the language model was not available", "语言模型不可用"],
  "degraded.lexical": ["word search was not available", "关键词检索不可用"],
  "degraded.dense": ["search by meaning was not available", "语义检索不可用"],
  "degraded.rerank": ["passages could not be ranked finely", "段落未能精细排序"],
  "degraded.history": ["the answer could not be kept", "回答未能保存"],

  "source.of": ["Source {label}", "出处 {label}"],
  "source.original": ["Download the original", "下载原文件"],
  "source.passage": ["Passage", "段落"],
  "source.page": ["Page {page}", "第 {page} 页"],
  "source.image": ["Page {page} of {title}, with the quoted words marked", "《{title}》第 {page} 页，已标出引文"],
  "source.no-image": ["The page cannot be shown as a picture.", "无法显示此页的图像。"],
  "source.gone": ["This passage no longer stands in the document as it does now. The answer quoted:", "文档的当前版本中已没有此段落。回答引用的原文为："],

  "conversations.title": ["Conversations", "对话"],
  "conversations.new": ["New conversation", "新对话"],
  "conversations.none": ["Your questions will be kept here.", "您的提问会保存在这里。"],
  "conversations.show": ["Show conversations", "显示对话列表"],
  "conversations.delete": ["Delete the conversation “{title}”", "删除对话“{title}”"],
  "conversations.delete-sure": ["Delete the conversation “{title}”? Its questions and answers are gone for good.", "确定删除对话“{title}”吗？其中的问题与回答将无法恢复。"],
  "conversations.gone": ["This conversation is no longer there.", "此对话已不存在。"],

  "admin.title": ["Documents", "文档"],
  "admin.count": ["{count} shown", "显示 {count} 个"],
  "admin.search": ["Search by name", "按名称查找"],
  "admin.collection": ["Collection", "文档集"],
  "admin.collection-all": ["All collections", "所有文档集"],
  "admin.status": ["Status", "状态"],
  "admin.status-all": ["Any status", "任何状态"],
  "admin.table": ["Documents, newest first", "文档，新的在前"],
  "admin.document": ["Document", "文档"],
  "admin.size": ["Size", "大小"],
  "admin.updated": ["Changed", "更改时间"],
  "admin.actions": ["Actions", "操作"],
  "admin.pages": ["{pages} pages", "{pages} 页"],
  "admin.passages": ["{chunks} passages", "{chunks} 个段落"],
  "admin.none": ["No documents yet. Drop some files above.", "还没有文档。请把文件拖到上方。"],
  "admin.no-match": ["No document matches.", "没有符合条件的文档。"],
  "admin.delete": ["Delete {name}", "删除 {name}"],
  "admin.delete-sure": ["Delete “{name}”? It stops answering at once, and all its versions are gone for good.", "确定删除“{name}”吗？它将立即停止用于回答，所有版本都无法恢复。"],
  "admin.deleted": ["Deleted {name}", "已删除 {name}"],
  "admin.download": ["Download {name}", "下载 {name}"],
  "admin.updating": ["Version {version} is being read; the one before still answers.", "正在读取第 {version} 版；目前仍由上一版回答。"],
  "admin.update-failed": ["Version {version} could not be read; the one before still answers.", "第 {version} 版无法读取；目前仍由上一版回答。"],
  "delete": ["Delete", "删除"],

  "status.queued": ["Waiting", "等待中"],
  "status.processing": ["Being read", "读取中"],
  "status.ready": ["Ready", "就绪"],
  "status.partial": ["Partly read", "部分读取"],
  "status.failed": ["Failed", "失败"],

  "collections.title": ["Collections", "文档集"],
  "collections.new": ["New collection", "新文档集"],
  "collections.name": ["Small letters, digits, - and _", "小写字母、数字、- 和 _"],
  "collections.create": ["Create", "创建"],
  "collections.documents": ["Documents: {count}", "文档：{count}"],
  "collections.delete": ["Delete the collection {name}", "删除文档集 {name}"],
  "collections.delete-sure": ["Delete the collection “{name}” with its documents ({count})? They are gone for good.", "确定删除文档集“{name}”及其 {count} 个文档吗？删除后无法恢复。"],

  "upload.title": ["Add documents", "添加文档"],
  "upload.drop": ["Drop files here or", "把文件拖到这里，或"],
  "upload.choose": ["choose files", "选择文件"],
  "upload.formats": ["PDF, Word (.docx), web pages, Markdown and plain text", "PDF、Word（.docx）、网页、Markdown 和纯文本"],
  "upload.into": ["Into collection", "放入文档集"],
  "upload.list": ["Uploads", "上传列表"],
  "upload.waiting": ["Waiting to be sent", "等待发送"],
  "upload.sending": ["Sending {percent} %", "正在发送 {percent} %"],
  "upload.busy": ["The service is busy; sending again shortly", "服务繁忙，稍后自动重发"],
  "upload.queued": ["Waiting to be read", "等待读取"],
  "upload.parse": ["Reading {percent} %", "正在读取 {percent} %"],
  "upload.publish": ["Indexing {percent} %", "正在建立索引 {percent} %"],
  "upload.ready": ["Ready", "就绪"],
  "upload.partial": ["Ready, but some parts could not be read", "就绪，但有部分内容未能读取"],
  "upload.duplicate": ["Was already here", "已存在"],
  "upload.failed": ["Failed: {reason}", "失败：{reason}"],
  "upload.cancelled": ["Cancelled", "已取消"],
  "upload.progress": ["Progress of {name}", "{name} 的进度"],
  "upload.password": ["Password for {name}", "{name} 的密码"],
  "upload.unlock": ["Open", "打开"],
  "upload.clear": ["Clear finished", "清除已完成"],

  "problem.lost": ["The connection to the service was lost.", "与服务的连接已中断。"],
  "problem.401": ["You are not logged in any more.", "您已不在登录状态。"],
  "problem.other": ["The service could not do this (status {status}).", "服务无法完成此操作（状态 {status}）。"],
  "problem.ended": ["The answer broke off before its end.", "回答在结束前中断了。"],
};

const LANGUAGES = ["en", "zh-CN"]; // in the order of the words above
const KEPT = "openbook.language";
let current = LANGUAGES.indexOf(localStorage.getItem(KEPT));
if (current < 0) current = navigator.language.startsWith("zh") ? 1 : 0;
document.documentElement.lang = LANGUAGES[current];

/** The words of a key, its {values} filled in. */
export function t(key, values = {}) {
  return strings[key][current].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Turns to the other language and remembers it in this browser. */
export function switchLanguage() {
  current = 1 - current;
  localStorage.setItem(KEPT, LANGUAGES[current]);
  document.documentElement.lang = LANGUAGES[current];
}

/** A day or, today, a time, as the language writes it. */
export function when(iso) {
  const moment = new Date(iso);
  const today = moment.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(LANGUAGES[current], today ? { timeStyle: "short" } : { dateStyle: "medium" }).format(moment);
}

/** A number of bytes in a unit that suits it. */
export function bytes(size) {
  const step = size < 1e6 ? [1e3, "kilobyte"] : [1e6, "megabyte"];
  const figure = { style: "unit", unit: step[1], maximumFractionDigits: size < 1e4 ? 1 : 0 };
  return new Intl.NumberFormat(LANGUAGES[current], figure).format(size / step[0]);
}
