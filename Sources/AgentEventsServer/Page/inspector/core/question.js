/** The words of a search for threads: `status:` and `agent:` name what they say, the rest is looked for in titles and ids. */
export function question(find) {
  const asked = {};
  const words = find.replace(/\b(status|agent):(\S+)/g, (found, name, value) => {
    asked[name] = value;
    return '';
  }).trim();
  return words ? { ...asked, q: words } : asked;
}
