mod body;
mod template;
