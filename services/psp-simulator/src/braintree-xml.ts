/** What an element can hold; an array becomes the package's `type="array"`, of `item`s unless the element says otherwise. */
export type XmlValue =
  string | number | boolean | null | readonly XmlValue[] | { readonly [name: string]: XmlValue };

/** Writes XML as Braintree does, and as the official package reads it (`lib/braintree/util.js`, convertNodeToObject). */
export function braintreeXml(name: string, value: XmlValue): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, value)}\n`;
}

/** A page of a search: the package takes several elements of one name for a list, and one for itself. */
export function braintreeCollection(name: string, member: string, values: readonly XmlValue[]): string {
  const members = values.map((value) => element(member, value)).join('');
  const page = element('page-size', values.length);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} type="collection">${page}${members}</${name}>\n`;
}

function element(name: string, value: XmlValue): string {
  if (value === null) return `<${name} nil="true"/>`;
  if (typeof value === 'boolean') return `<${name} type="boolean">${value}</${name}>`;
  if (typeof value === 'number') return `<${name} type="integer">${value}</${name}>`;
  if (typeof value === 'string') return `<${name}>${escaped(value)}</${name}>`;
  if (isList(value)) {
    const items = value.map((item) => element(name === 'errors' ? 'error' : 'item', item));
    return `<${name} type="array">${items.join('')}</${name}>`;
  }
  const members = Object.entries(value).map(([member, content]) => element(member, content));
  return `<${name}>${members.join('')}</${name}>`;
}

function isList(value: object): value is readonly XmlValue[] {
  return Array.isArray(value);
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
