// A link to a question unfolds it and moves the focus there, also when the address has its name already.
const unfold = (hash) => {
  const question = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)))?.closest("details");
  if (!question) return false;
  question.open = true;
  question.firstElementChild.focus();
  return true;
};
addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#"]');
  if (!link || !unfold(link.hash)) return;
  event.preventDefault(); // it would take the focus away again
  location.hash = link.hash;
});
addEventListener("hashchange", () => unfold(location.hash));
unfold(location.hash);
