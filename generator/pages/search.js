"use strict";
// Pages by words: one word of the query is enough; more and rarer ones come first.

const Search = (() => {
  const ENOUGH = 2; // mentions; ten are hardly more than five

  function isWordPart(code) {
    return (code >= 97 && code <= 122) || (code >= 48 && code <= 57); // a-z, 0-9
  }

  function words(query) {
    const text = query.toLowerCase();
    const found = new Set();
    let start = 0;
    for (let at = 0; at <= text.length; at += 1) {
      if (at < text.length && isWordPart(text.charCodeAt(at))) continue;
      if (at > start) found.add(text.slice(start, at));
      start = at + 1;
    }
    return [...found];
  }

  const mentions = (page, word) => (Object.hasOwn(page.words, word) ? page.words[word] : 0);

  function rarity(pages, word) {
    const having = pages.filter((page) => mentions(page, word)).length;
    return having ? Math.log(1 + pages.length / having) : 0;
  }

  function ranked(pages, query) {
    const asked = words(query).map((word) => ({ word, rare: rarity(pages, word) }));
    const score = (page) =>
      asked.reduce((sum, { word, rare }) => {
        const count = mentions(page, word);
        return sum + (rare * count) / (count + ENOUGH);
      }, 0);
    const scored = pages.map((page) => ({ page, score: score(page) }));
    return scored
      .filter((one) => one.score > 0)
      .sort((one, other) => other.score - one.score)
      .map((one) => one.page);
  }

  return { ranked };
})();
