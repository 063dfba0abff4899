// Articles by GraphQL (graphql-yoga), by JSON-RPC 2.0 (jayson) and as XML (xmldom): their servers and parser, a small
// schema and store of ours.
//
// node article_server.cjs FOLDER_OF_NODE_MODULES PORT_OF_GRAPHQL PORT_OF_JSON_RPC
//
// PUT /door on the port of GraphQL is a test's way round both: {records, loses, fails}; GET /door shows the store.
'use strict';
const http = require('node:http');
const { createRequire } = require('node:module');

const [folder, graphqlPort, rpcPort] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const { GraphQLError } = load('graphql');
const { createSchema, createYoga } = load('graphql-yoga');
const jayson = load('jayson');
const { DOMImplementation, DOMParser, XMLSerializer } = load('@xmldom/xmldom');

const store = { articles: new Map(), next: 1, loses: false, mode: '' };

function fill(records) {
  store.articles = new Map();
  store.next = 1;
  for (const record of records) create(record);
}

function create(input) {
  const id = String(store.next++);
  const article = { code: null, name: null, price: null, stock: null, active: null, day: null, changed: null, ...input };
  store.articles.set(id, { ...article, id });
  return store.articles.get(id);
}

function update(id, input) {
  const article = store.articles.get(String(id));
  return article ? Object.assign(article, input) : null;
}

function select(code) {
  return [...store.articles.values()].filter((article) => code == null || article.code === code);
}

const refusal = 'no stock for this article';

const typeDefs = /* GraphQL */ `
  type Article { id: ID!, code: String, name: String, price: Float, stock: Int, active: Boolean, day: String, changed: String }
  input ArticleInput { code: String, name: String, price: Float, stock: Int, active: Boolean, day: String, changed: String }
  type PageInfo { hasNextPage: Boolean!, endCursor: String }
  type Edge { cursor: String!, node: Article! }
  type Connection { edges: [Edge!]!, pageInfo: PageInfo!, totalCount: Int! }
  type ArticleList { items: [Article!]!, totalItems: Int! }
  type StockError { errorCode: String!, message: String! }
  type UserError { field: [String!], message: String! }
  type Deleted { result: String!, message: String }
  type Saved { article: Article, userErrors: [UserError!]! }
  union CreateResult = Article | StockError
  type Query {
    articles(first: Int!, after: String, code: String): Connection!
    articleList(skip: Int!, take: Int!, code: String): ArticleList!
    article(id: ID!): Article
  }
  type Mutation {
    createArticle(input: ArticleInput!): CreateResult!
    saveArticle(input: ArticleInput!): Saved!
    updateArticle(id: ID!, input: ArticleInput!): Article
    deleteArticle(id: ID!): Deleted!
  }
`;

function page(found, start, size) {
  const items = found.slice(start, start + size);
  const end = start + items.length;
  return { items, end, hasNextPage: end < found.length };
}

const resolvers = {
  CreateResult: { __resolveType: (value) => (value.errorCode ? 'StockError' : 'Article') },
  Article: {
    name: (article) => {
      if (store.mode === 'partial') throw new GraphQLError('the name cannot be told now', { extensions: { code: 'NAME_SERVICE' } });
      return article.name;
    },
  },
  Query: {
    articles: (_, { first, after, code }) => {
      interrupt();
      const found = select(code);
      const { items, end, hasNextPage } = page(found, after ? Number(Buffer.from(after, 'base64url')) : 0, first);
      const edges = items.map((node) => ({ cursor: node.id, node }));
      const endCursor = items.length ? Buffer.from(String(end)).toString('base64url') : null;
      return { edges, pageInfo: { hasNextPage, endCursor }, totalCount: found.length };
    },
    articleList: (_, { skip, take, code }) => {
      const found = select(code);
      return { items: page(found, skip, take).items, totalItems: found.length };
    },
    article: (_, { id }) => store.articles.get(id) ?? null,
  },
  Mutation: {
    createArticle: (_, { input }) => {
      interrupt();
      return input.stock === -1 ? { errorCode: 'NO_STOCK', message: refusal } : create(input);
    },
    saveArticle: (_, { input }) => {
      const errors = input.price < 0 ? [{ field: ['input', 'price'], message: 'must not be negative' }] : [];
      return { article: errors.length ? null : create(input), userErrors: errors };
    },
    updateArticle: (_, { id, input }) => {
      interrupt();
      return update(id, input);
    },
    deleteArticle: (_, { id }) => {
      if (store.articles.delete(id)) return { result: 'DELETED' };
      throw new GraphQLError('there is no such article', { extensions: { code: 'NOT_FOUND' } });
    },
  },
};

// Once: THROTTLED, UNAUTHENTICATED, or an error of the server's own, as `mode` says.
function interrupt() {
  const { mode } = store;
  if (!mode || mode === 'partial') return;
  if (mode !== 'UNAUTHENTICATED') store.mode = '';
  if (mode === 'crash') throw new Error('a stack trace that the server hides');
  throw new GraphQLError(`told: ${mode}`, { extensions: { code: mode } });
}

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false, landingPage: false });

const none = { code: -32004, message: 'there is no such article' };
const methods = {
  'article.list': ({ offset, limit, code }, done) => {
    const found = select(code);
    done(null, { items: found.slice(offset, offset + limit), count: found.length });
  },
  'article.get': ({ id }, done) => done(...(store.articles.has(String(id)) ? [null, store.articles.get(String(id))] : [none])),
  'article.create': ({ article }, done) => {
    if (article.stock === -1) return done({ code: 4711, message: refusal, data: { field: 'stock' } });
    return done(null, create(article).id);
  },
  'article.update': ({ id, article }, done) => {
    const changed = update(id, article);
    return done(...(changed ? [null, true] : [none]));
  },
  'article.delete': ({ id }, done) => done(...(store.articles.delete(String(id)) ? [null, true] : [none])),
};

function losing(handle) {
  return (request, response) => {
    if (store.loses && request.method === 'POST') {
      store.loses = false;
      response.end = () => request.socket.destroy();
      response.write = () => true;
    }
    return handle(request, response);
  };
}

async function door(request, response) {
  if (request.method === 'PUT') {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const told = JSON.parse(Buffer.concat(chunks));
    if (told.records) fill(told.records);
    store.loses = told.loses ?? false;
    store.mode = told.mode ?? '';
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify([...store.articles.values()]));
}

// XML: GET /xml?offset&limit&code, POST /xml, GET PUT DELETE /xml/ID. Elements that are there are written, others stay.
const NUMBERS = new Set(['price', 'stock']);

function fromXml(text) {
  const root = new DOMParser().parseFromString(text, 'text/xml').documentElement;
  const fields = [...root.childNodes].filter((node) => node.nodeType === 1);
  return Object.fromEntries(fields.map((node) => [node.nodeName, toValue(node.nodeName, node.textContent)]));
}

function toValue(name, text) {
  if (text === '') return null;
  if (name === 'active') return text === 'true';
  return NUMBERS.has(name) ? Number(text) : text;
}

function toXml(name, fill) {
  const document = new DOMImplementation().createDocument(null, name, null);
  fill(document.documentElement, (parent, child, text) => {
    const element = parent.appendChild(document.createElement(child));
    if (text !== undefined && text !== null) element.appendChild(document.createTextNode(String(text)));
    return element;
  });
  return new XMLSerializer().serializeToString(document).replaceAll('\r', '&#13;');
}

const put = (article) => (parent, add) => Object.entries(article).forEach(([name, value]) => add(parent, name, value));

async function xml(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const url = new URL(request.url, 'http://x');
  const id = decodeURIComponent(url.pathname.slice('/xml/'.length));
  const say = (status, text) => {
    response.writeHead(status, { 'content-type': 'application/xml; charset=utf-8' });
    response.end(text);
  };
  const article = store.articles.get(id);
  if (id && !article) return say(404, toXml('error', (root, add) => add(root, 'message', `no article ${id}`)));
  if (request.method === 'DELETE') return store.articles.delete(id) && say(204);
  if (request.method === 'GET' && id) return say(200, toXml('article', put(article)));
  if (request.method === 'GET') {
    const found = select(url.searchParams.get('code'));
    const start = Number(url.searchParams.get('offset') ?? 0);
    const items = found.slice(start, start + Number(url.searchParams.get('limit') ?? found.length));
    return say(200, toXml('articles', (root, add) => {
      root.setAttribute('total', found.length);
      items.forEach((item) => put(item)(add(root, 'article'), add));
    }));
  }
  const fields = fromXml(Buffer.concat(chunks).toString());
  if (fields.stock === -1) {
    return say(422, toXml('error', (root, add) => { add(root, 'message', refusal); add(root, 'field', 'stock'); }));
  }
  return say(id ? 200 : 201, toXml('article', put(id ? update(id, fields) : create(fields))));
}

const graphql = losing(yoga);
const asXml = losing(xml);
http.createServer((request, response) => {
  const handle = request.url === '/door' ? door : request.url.startsWith('/xml') ? asXml : graphql;
  return handle(request, response);
}).listen(Number(graphqlPort), '127.0.0.1');
const rpc = jayson.server(methods).http();
const [handle] = rpc.listeners('request');
rpc.removeAllListeners('request');
rpc.on('request', losing(handle));
rpc.listen(Number(rpcPort), '127.0.0.1');
